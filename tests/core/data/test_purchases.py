"""What counts as a purchase."""

import pandas as pd
import pytest

from core.data.purchases import purchases


@pytest.mark.parametrize(
    ("kinds", "counted"),
    [
        (["purchase", "view", "purchase"], [True, False, True]),
        (["view", "cart"], [True, True]),
        ([], []),
    ],
)
def test_purchases_count_and_without_any_everything_does(kinds, counted):
    events = pd.DataFrame({"event": pd.Categorical(kinds, ["purchase", "cart", "view"])})
    assert purchases(events).tolist() == counted
