import csv
import io

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.pandas import column, data_frames

from core.figures.export import FORMULA_STARTS, csv_bytes, parquet_bytes

TEXTS = st.one_of(
    st.text(max_size=20), st.builds(str.__add__, st.sampled_from(FORMULA_STARTS), st.text(max_size=9))
)


def cells(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


@given(data_frames([column("name", elements=TEXTS, dtype=object), column("value", dtype=float)]))
def test_no_text_cell_of_any_table_starts_like_a_formula(frame):
    written = cells(csv_bytes(frame))
    assert len(written) == len(frame) + 1
    for (name, _), text in zip(written[1:], frame["name"], strict=True):
        assert not name.startswith(FORMULA_STARTS)
        assert name in (text, f"'{text}")


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_numbers_stay_numbers(values):
    written = cells(csv_bytes(pd.DataFrame({"value": values})))
    assert [float(line[0]) for line in written[1:]] == values


@pytest.mark.parametrize("start", FORMULA_STARTS)
def test_each_formula_start_is_neutralised_in_cells_and_headers(start):
    header, line = cells(csv_bytes(pd.DataFrame({f"{start}head": [f"{start}1+1"]})))
    assert header == [f"'{start}head"]
    assert line == [f"'{start}1+1"]


def test_categories_are_neutralised_like_text():
    frame = pd.DataFrame({"group": pd.Categorical(["=A1", "b"])})
    assert cells(csv_bytes(frame)) == [["group"], ["'=A1"], ["b"]]


def test_a_hidden_n_leaves_as_text_in_both_forms():
    frame = pd.DataFrame({"group": ["a", "b"], "n": [120, "<10"], "value": [0.5, None]})
    assert cells(csv_bytes(frame))[1:] == [["a", "120", "0.5"], ["b", "<10", ""]]
    back = pd.read_parquet(io.BytesIO(parquet_bytes(frame)))
    assert list(back["n"]) == ["120", "<10"]
    assert back["value"].isna().tolist() == [False, True]


@given(
    st.lists(
        st.one_of(st.integers(-(2**40), 2**40), TEXTS.filter(lambda t: t.isprintable()), st.none()),
        max_size=8,
    )
)
def test_parquet_can_be_written_whatever_a_column_mixes(values):
    frame = pd.DataFrame({"mixed": pd.Series(values, dtype=object)})
    back = pd.read_parquet(io.BytesIO(parquet_bytes(frame)))
    assert len(back) == len(values)
