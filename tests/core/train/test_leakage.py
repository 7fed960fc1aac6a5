"""Whatever happens after the split point changes nothing that training sees."""

import numpy as np
import pandas as pd
import torch

from core.data.inputs import model_inputs
from core.schema.settings import TrainSettings
from core.train.fit import fit
from tests.core.models.made import DAYS, item_table, later_positives, made_inputs

QUICK = TrainSettings(width=16, layers=1, heads=2, history_length=16, epochs=1, horizon_days=7)


def tables():
    """Events of a prepared dataset whose last 30 days are held out, and its items."""
    past = made_inputs(n_users=25).history
    times = pd.to_datetime(past.times, unit="s").astype("datetime64[us]")
    day = past.times // 86_400
    events = pd.DataFrame(
        {
            "user": past.users,
            "item": past.items,
            "basket": past.baskets,
            "timestamp": times,
            "event": pd.Categorical(["purchase"] * len(past.items)),
            "split": np.select([day < DAYS - 30, day < DAYS - 15], [0, 1], 2).astype(np.int8),
        }
    )
    return events, item_table(20)


def ratings_of(events: pd.DataFrame) -> pd.DataFrame:
    """Everyone rates what they took at once: 5 for even items, 1 for odd ones."""
    return events[["user", "item", "timestamp"]].assign(rating=np.where(events["item"] % 2 == 0, 5.0, 1.0))


def trained_weights(events: pd.DataFrame, items: pd.DataFrame) -> dict[str, torch.Tensor]:
    inputs = model_inputs(events, items, n_users=25, until="train", ratings=ratings_of(events))
    assert len(inputs.ratings.users) == (events["split"] == 0).sum()
    answers = later_positives(model_inputs(tables()[0], items, n_users=25, until="train"))
    return fit(inputs, answers, QUICK).model.state_dict()


def test_exchanging_all_later_purchases_leaves_training_as_it_was():
    events, items = tables()
    exchanged = events.copy()
    later = exchanged["split"] > 0
    assert later.sum() > 50
    exchanged.loc[later, "item"] = 19 - exchanged.loc[later, "item"]
    dropped = events[~later | (events.index == events[later]["timestamp"].idxmin())]
    expected = trained_weights(events, items)
    for changed in (exchanged, dropped):
        for name, tensor in trained_weights(changed, items).items():
            torch.testing.assert_close(tensor, expected[name], rtol=0, atol=0, msg=name)


def test_exchanging_earlier_purchases_does_change_it():
    events, items = tables()
    exchanged = events.assign(item=np.where(events["split"] == 0, 19 - events["item"], events["item"]))
    assert not torch.equal(
        trained_weights(exchanged, items)["product.item.weight"],
        trained_weights(events, items)["product.item.weight"],
    )
