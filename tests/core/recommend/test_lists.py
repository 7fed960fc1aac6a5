"""Lists as a matrix."""

import numpy as np
import pandas as pd

from core.recommend.lists import top_k


def test_lists_are_cut_ordered_and_filled_up():
    lists = pd.DataFrame({"user": [2, 0, 0, 0, 2], "item": [5, 3, 1, 2, 6], "rank": [9, 3, 1, 2, 4]})
    expected = [[1, 2], [-1, -1], [6, 5]]
    np.testing.assert_array_equal(top_k(lists, n_users=3, k=2), expected)


def test_no_lists_at_all():
    empty = pd.DataFrame({"user": [], "item": [], "rank": []}, dtype="int32")
    assert (top_k(empty, n_users=2, k=3) == -1).all()
