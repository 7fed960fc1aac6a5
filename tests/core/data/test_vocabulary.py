"""The vocabulary names what codes stand for, in their order."""

import numpy as np
import pandas as pd

from core.data.content import item_content
from core.data.decorrelation import one_hot
from core.data.vocabulary import vocabulary
from core.schema.tables import UNKNOWN
from tests.core.data.test_inputs import item_table


def test_labels_are_where_their_codes_say():
    catalogue = item_table().iloc[:4]
    users = pd.DataFrame(
        {"plan": pd.Categorical(["gold", UNKNOWN, "free"], ["gold", UNKNOWN, "never", "free"])}
    )
    found = vocabulary(catalogue, users, ["purchase", "view"], features=users)
    assert found.items == ("i0", "i1", "i2", "i3")
    assert found.events == ("purchase", "view")
    for name, codes in item_content(catalogue).attributes.items():
        known = catalogue[name].astype("str").where(codes > 0)
        named = np.array([None, *found.item_attributes[name]])[codes]
        assert named.tolist() == [None if pd.isna(label) else label for label in known]
        assert len(found.item_attributes[name]) == codes.max()
    assert found.user_attributes == {"plan": ("gold", "free")}
    assert found.user_features == (("plan", "gold"), ("plan", "free"))
    assert one_hot(users, ["plan"]).tolist() == [[1, 0], [0, 0], [0, 1]]
