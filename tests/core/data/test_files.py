"""Every kind of bad file is one clear error that names file, column and rows; good ones are read exactly."""

import gzip
import io
import lzma
import os
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data import files, parquet
from core.data.files import read_file
from core.errors import TableError

HEADER = "user_id,item_id,timestamp,list_price\n"
GOOD = HEADER + "u1,i1,2024-03-01T10:00:00Z,1.50\nu2,i2,2024-03-02 11:30,2\n"


@pytest.fixture
def write(tmp_path):
    def write(content: str | bytes, name: str = "events.csv") -> Path:
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    return write


def refused(path: Path, table: str = "events") -> TableError:
    with pytest.raises(TableError) as caught:
        read_file(path, table)
    message = str(caught.value)
    assert message.startswith(path.name)
    assert str(path.parent) not in message
    assert message.endswith("Nothing was changed.")
    assert "\n" not in message
    return caught.value


def zipped(text: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("events.csv"), text)
    return stream.getvalue()


def parquet_bytes(table: pa.Table | pd.DataFrame, **options) -> bytes:
    stream = io.BytesIO()
    table = table if isinstance(table, pa.Table) else pa.Table.from_pandas(table)
    pq.write_table(table, stream, **options)
    return stream.getvalue()


def events_frame(**columns) -> pd.DataFrame:
    times = pd.to_datetime(["2024-03-01", "2024-03-02"])
    return pd.DataFrame({"user_id": ["a", "b"], "item_id": ["x", "y"], "timestamp": times} | columns)


def row(**changes: str) -> str:
    cells = {"user_id": "u1", "item_id": "i1", "timestamp": "2024-03-01", "list_price": "1"} | changes
    return ",".join(cells.values()) + "\n"


def test_a_good_file_is_read_in_the_types_of_the_contract(write):
    events = read_file(write(GOOD), "events")
    assert events["user_id"].tolist() == ["u1", "u2"]
    assert events["timestamp"].tolist() == [
        pd.Timestamp("2024-03-01 10:00"),
        pd.Timestamp("2024-03-02 11:30"),
    ]
    assert events["list_price"].tolist() == [1.5, 2.0]
    assert events.dtypes.astype(str).tolist() == ["str", "str", "datetime64[us]", "float64"]
    assert events.attrs["notes"] == []


@pytest.mark.parametrize(
    ("content", "problem", "rows"),
    [
        ("", "is empty", ()),
        ("\n  \n", "is empty", ()),
        (HEADER, "has a header but no rows", ()),
        (GOOD + "u3,i3\nu4,i4,2024-03-04,1\nu5,i5,2024-03-05,1,9\n", "has 2 cells", (3, 5)),
        (HEADER + 'u1,"i1,2024-03-01,1\nu2,i2,2024-03-01,1\n', "a quote is not closed", (1,)),
        (GOOD + 'u3,"i3,2024-03-03,1\nu4,i4,2024-03-04,1\nu5,"i5,9\n', "a quote is not closed", (3,)),
        (GOOD.replace("i2", "i\0 2"), "NUL byte", (2,)),
        ("user_id,item_id,timestamp,item_id\na,b,2024-01-01,c\n", "column name(s) twice", ()),
        (GOOD.replace("\n", ",x" * 5000 + "\n", 1), "5,004 columns", ()),
        (zipped(GOOD), "a ZIP archive", ()),
        (gzip.compress(GOOD.encode(), mtime=0), "a gzip archive", ()),
        (lzma.compress(GOOD.encode()), "an xz archive", ()),
        (b"MZ\x90\0\3\0\0\0\4\0\0\0\xff\xff\0\0", "a program", ()),
        (b"\x7fELF\2\1\1\0", "a program", ()),
        (b"PAR1 but nothing else", "no Parquet file", ()),
        (HEADER + "u1,i1,2024-03-01,1" + "0" * (1 << 25) + "\n", "a line of more than 16 MB", ()),
    ],
)  # fmt: skip
def test_a_broken_file_is_refused(write, content, problem, rows):
    error = refused(write(content))
    assert problem in str(error)
    assert error.rows == rows


def test_what_is_known_of_orders_comes_as_numbers_and_flags(write):
    rows = "user_id,timestamp,distance_km,weight_g,same_state\nu1,2024-03-01,12.5,300,yes\nu2,2024-03-02,,40,no\n"
    service = read_file(write(rows), "service")
    assert service["distance_km"].tolist()[0] == 12.5
    assert service[["distance_km", "weight_g"]].dtypes.eq("float64").all()
    assert service["same_state"].tolist() == [True, False]
    error = refused(write(rows.replace("12.5", "far")), "service")
    assert "distance_km" in str(error)


def test_columns_without_a_name_are_left_out_however_many(write):
    events = read_file(write("user_id,,item_id,timestamp,\nu1,x,i1,2024-03-01,y\n"), "events")
    assert list(events) == ["user_id", "item_id", "timestamp"]
    assert "without a name" in events.attrs["notes"][0]


def test_a_name_that_is_no_text_is_refused_in_printable_words(write):
    path = write(GOOD)
    odd = path.rename(path.with_name(os.fsdecode(b"events\xff.csv")))
    with pytest.raises(TableError, match="no text in UTF-8") as caught:
        read_file(odd, "events")
    assert str(caught.value).encode().startswith(b"events?.csv")


@pytest.mark.parametrize(
    ("column", "bad", "problem"),
    [
        ("user_id", "", "is blank"),
        ("user_id", "   ", "is blank"),
        ("user_id", "NaN", "is blank"),
        ("item_id", "x" * 201, "is longer than 200 characters"),
        ("timestamp", "", "is blank"),
        ("timestamp", "yesterday", "is no date"),
        ("timestamp", "2024-02-30", "is no date"),
        ("timestamp", "1970-01-01", "lies outside of the years 1990 to 2100"),
        ("timestamp", "2098-01-01", "lies in the future"),
        ("list_price", "-0.01", "is below 0"),
        ("list_price", "cheap", "is no number"),
        ("list_price", "$3", "is no number"),
        ("list_price", "inf", "is infinite"),
        ("list_price", "-Infinity", "is infinite"),
        ("list_price", "1e400", "is infinite or too large"),
    ],
)
def test_a_bad_cell_is_refused_with_its_column_and_rows(write, column, bad, problem):
    content = HEADER + row() + row(**{column: bad}) + row() + row(**{column: bad})
    error = refused(write(content))
    assert (error.column, error.rows) == (column, (2, 4))
    assert problem in str(error)


def test_a_purchase_without_its_price_is_refused_and_a_view_is_not(write):
    header = "user_id,item_id,timestamp,event,list_price\n"
    views = header + "u,i,2024-03-01,view,\nu,i,2024-03-01,purchase,2\n"
    assert read_file(write(views), "events")["list_price"].isna().tolist() == [True, False]
    for missing in ("", "NaN"):
        error = refused(write(views + f"u,i,2024-03-01,purchase,{missing}\n"))
        assert "a purchase lacks its list_price" in str(error)
        assert error.rows == (3,)


def test_a_missing_column_is_named_with_those_there_are_and_what_was_meant(write):
    error = refused(write("UserID,item_id,timestamp,price\nu,i,2024-03-01,1\n"))
    assert error.column == "user_id"
    assert "the columns are UserID, item_id, timestamp, price (closest: UserID)" in str(error)


@pytest.mark.parametrize(
    ("table", "content", "column", "rows"),
    [
        ("users", "user_id,age\na,1\nb,2\na,1\nc,3\nb,4\n", "user_id", (3, 5)),
        ("items", "item_id,title\nx,one\nx,two\n", "item_id", (2,)),
        ("recommendations", "user_id,item_id,rank\nu,x,1\nu,y,2\nu,x,3\n", None, (3,)),
    ],
)
def test_duplicate_keys_are_refused(write, table, content, column, rows):
    error = refused(write(content, f"{table}.csv"), table)
    assert "more than once" in str(error)
    assert (error.column, error.rows) == (column, rows)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp1252"]
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_encoding_delimiter_and_line_ends_are_told_by_the_content(write, encoding, delimiter, line_end):
    rows = [["item_id", "title", "brand"], ["1", "Käse", "Müller"], ["2", "Crème brûlée", "Élan"]]
    content = line_end.join(delimiter.join(cells) for cells in rows) + line_end
    items = read_file(write(content.encode(encoding), "items.csv"), "items")
    assert items.columns.tolist() == rows[0]
    assert items.to_numpy().tolist() == rows[1:]
    assert bool(items.attrs["notes"]) == (encoding in ("latin-1", "cp1252"))


def test_one_accent_deep_in_a_large_file_is_read(write):
    lines = [f"{number},plain" for number in range(200_000)] + ["200000,Café"]
    items = read_file(write(("item_id,title\n" + "\n".join(lines)).encode("latin-1"), "items.csv"), "items")
    assert items["title"].iloc[-1] == "Café"
    assert len(items) == 200_001


def test_another_script_is_told_and_an_encoding_that_cannot_be_is_refused(write):
    words = ["Молоко цельное", "Хлеб ржаной", "Сметана деревенская", "Кофе молотый", "Яблоки зелёные"]
    content = "item_id,title\n" + "".join(f"{number},{word}\n" for number, word in enumerate(words))
    items = read_file(write(content.encode("cp1251"), "items.csv"), "items")
    assert items["title"].tolist() == words
    noise = b"item_id,title\n" + bytes(range(128, 256)) * 20
    assert "save it as UTF-8" in str(refused(write(noise, "items.csv"), "items"))


@pytest.mark.parametrize("ends", ["\r\n", "\r", "\n\n", "\r\n\n"])
def test_mixed_line_ends_lose_no_row(write, ends):
    content = HEADER.strip() + ends + row().strip() + "\n" + row(user_id="u2").strip() + ends
    assert read_file(write(content), "events")["user_id"].tolist() == ["u1", "u2"]


def test_quotes_delimiters_and_line_breaks_inside_cells_are_kept(write):
    content = 'item_id,title,description\n1,"5"" nails, box","one\ntwo"\n2,5" nails,plain\n'
    items = read_file(write(content, "items.csv"), "items")
    assert items["title"].tolist() == ['5" nails, box', '5" nails']
    assert items["description"].tolist() == ["one\ntwo", "plain"]


def test_a_column_without_a_name_is_left_out_and_noted(write):
    items = read_file(write(",item_id\n0,a\n1,b\n", "items.csv"), "items")
    assert items.columns.tolist() == ["item_id"]
    assert "without a name" in items.attrs["notes"][0]


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (["3,50", "2", "0,5"], [3.5, 2.0, 0.5]),
        (["1.234,50", "2.000", "7"], [1234.5, 2000.0, 7.0]),
        (["1,234", "2,5"], [1.234, 2.5]),
    ],
)
def test_a_decimal_comma_is_read_where_it_can_be_nothing_else(write, cells, numbers):
    content = "item_id;list_price\n" + "".join(f"{place};{cell}\n" for place, cell in enumerate(cells))
    assert read_file(write(content, "items.csv"), "items")["list_price"].tolist() == numbers


@pytest.mark.parametrize(
    ("cells", "problem", "rows"),
    [
        (["1,234", "5"], "may have a decimal comma or thousands", (1,)),
        (["1,234.50", "5"], "is no number", (1,)),
        (["1.5", "2,5"], "decimal point where other rows have a decimal comma", (1,)),
    ],
)
def test_an_ambiguous_comma_is_refused(write, cells, problem, rows):
    content = "item_id;list_price\n" + "".join(f"{place};{cell}\n" for place, cell in enumerate(cells))
    error = refused(write(content, "items.csv"), "items")
    assert problem in str(error)
    assert error.rows == rows


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (["1.0", "2.0", "30.0"], ["1", "2", "30"]),
        (["1.0", "2", "3"], ["1", "2", "3"]),
        (["1.0", "1.5", "x"], ["1.0", "1.5", "x"]),
        (["007", "7", "0"], ["007", "7", "0"]),
        ([str(2**64), str(10**30), "$ne"], [str(2**64), str(10**30), "$ne"]),
        ([" a ", "b.c", "=1+1"], ["a", "b.c", "=1+1"]),
    ],
)
def test_identifiers_stay_what_they_are(write, written, read):
    assert (
        read_file(write("user_id,age\n" + "".join(f"{id},5\n" for id in written)), "users")[
            "user_id"
        ].tolist()
        == read
    )


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (["1709287200", "1709287201"], "2024-03-01 10:00:00"),
        (["1709287200000", "1709287200001"], "2024-03-01 10:00:00"),
        (["1709287200000000", "1709287200000001"], "2024-03-01 10:00:00"),
        (["2024-03-01T10:00:00Z", "2024-03-02T01:00:00+02:00"], "2024-03-01 10:00:00"),
        (["2024-03-01 12:00:00+02:00", "2024-03-02"], "2024-03-01 10:00:00"),
        (["20240301", "20240302"], "2024-03-01"),
        (["31.03.2024", "01.04.2024"], "2024-03-31"),
        (["31/03/2024 18:05", "01/04/2024 00:00"], "2024-03-31 18:05"),
        (["03/31/2024", "04/01/2024"], "2024-03-31"),
        (["05/05/2024", "06/06/2024"], "2024-05-05"),
    ],
)
def test_dates_are_read_in_utc(write, written, read):
    content = HEADER + "".join(row(timestamp=text) for text in written)
    assert read_file(write(content), "events")["timestamp"].iloc[0] == pd.Timestamp(read)


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        (["03/04/2024", "05/06/2024"], "day/month or month/day"),
        (["1709287200", "1709287200000"], "is not in the unit of the first row"),
        (["31/03/2024", "04/13/2024"], "is no date"),
        (["5", "6"], "is no date"),
        (["-1709287200", "1709287200"], "is no time since 1970"),
    ],
)
def test_ambiguous_or_mixed_dates_are_refused(write, written, problem):
    error = refused(write(HEADER + "".join(row(timestamp=text) for text in written)))
    assert problem in str(error)
    assert error.column == "timestamp"
    assert error.rows


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path, monkeypatch):
    file = tmp_path / "events.csv"
    with file.open("wb") as stream:
        stream.truncate(2 * 10**9)
    monkeypatch.setattr(Path, "open", lambda *a, **k: pytest.fail("was opened"))
    assert "has 2.0 GB; at most 1.0 GB are read" in str(refused(file))


def test_what_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "folder.csv").mkdir()
    assert "is no file" in str(refused(tmp_path / "pipe.csv"))
    assert "is no file" in str(refused(tmp_path / "folder.csv"))
    assert "no such file" in str(refused(tmp_path / "absent.csv"))


def test_parquet_is_read_whatever_it_is_called(write):
    frame = events_frame(
        user_id=np.array([1, 2], dtype="uint64"),
        item_id=[1.0, 2.0],
        timestamp=pd.to_datetime(["2024-03-01", "2024-03-02"]).tz_localize("Europe/Berlin"),
        channel=pd.Categorical(["web", None]),
        list_price=[1, 2],
    )
    events = read_file(write(parquet_bytes(frame), "events.csv"), "events")
    assert events["user_id"].tolist() == ["1", "2"]
    assert events["item_id"].tolist() == ["1", "2"]
    assert events["timestamp"].iloc[0] == pd.Timestamp("2024-02-29 23:00")
    assert events["channel"].iloc[0] == "web"
    assert pd.isna(events["channel"].iloc[1])


def test_arrow_types_without_a_numpy_equal_are_read(write):
    table = pa.table(
        {
            "user_id": pa.array([b"a", b"b"]),
            "item_id": pa.array(["x", "y"], pa.large_string()),
            "timestamp": pa.array([19_800, 19_801], pa.date32()),
            "list_price": pa.array([150, 275], pa.int32()).cast(pa.decimal128(12, 2)),
        }
    )
    events = read_file(write(parquet_bytes(table), "events.parquet"), "events")
    assert events["user_id"].tolist() == ["a", "b"]
    assert events["timestamp"].iloc[0] == pd.Timestamp("2024-03-18")
    assert events["list_price"].tolist() == [150.0, 275.0]


@pytest.mark.parametrize(
    ("columns", "column", "problem"),
    [
        ({"user_id": [["a"], ["b"]]}, "user_id", "holds values of type list"),
        ({"channel": [{"a": 1}, {"a": 2}]}, "channel", "holds values of type struct"),
        ({"user_id": [1.5, 2.0]}, "user_id", "is a fraction"),
        ({"user_id": [2.0**60, 1.0]}, "user_id", "too large for an exact number"),
        ({"timestamp": [True, False]}, "timestamp", "holds no dates"),
        ({"list_price": [True, False]}, "list_price", "holds no numbers"),
        ({"list_price": [np.inf, 1.0]}, "list_price", "is infinite"),
        ({"user_id": ["a", None]}, "user_id", "is blank"),
        ({"user_id": ["a\nb", "c"]}, "user_id", "line break"),
    ],
)
def test_parquet_of_a_wrong_type_is_refused(write, columns, column, problem):
    error = refused(write(parquet_bytes(events_frame(**columns)), "events.parquet"))
    assert error.column == column
    assert problem in str(error)


def test_a_damaged_or_empty_parquet_file_is_refused(write):
    whole = parquet_bytes(events_frame())
    assert "no Parquet file that can be read" in str(
        refused(write(whole[: len(whole) // 2], "events.parquet"))
    )
    assert "has no rows" in str(refused(write(parquet_bytes(events_frame().iloc[:0]), "events.parquet")))
    flipped = bytearray(whole)
    flipped[10:60] = bytes(50)
    assert "no Parquet file that can be read" in str(refused(write(bytes(flipped), "events.parquet")))


def test_a_parquet_bomb_is_refused_before_it_is_unpacked(write, monkeypatch):
    text = pa.DictionaryArray.from_arrays(np.zeros(300_000, np.int32), ["x" * 100_000])
    bomb = pa.table(
        {"user_id": text, "item_id": text, "timestamp": pa.array([0] * 300_000, pa.timestamp("us"))}
    )
    content = parquet_bytes(bomb)
    assert len(content) < 1_000_000
    assert "unpacks to 60.0 GB" in str(refused(write(content, "events.parquet")))
    monkeypatch.setattr(parquet, "MOST_ROWS", 1000)
    assert "300,000 rows" in str(refused(write(content, "events.parquet")))
    wide = pa.table({f"c{place}": [1] for place in range(5000)})
    assert "5,000 columns" in str(refused(write(parquet_bytes(wide), "events.parquet")))


def test_flags_are_read_in_the_usual_spellings(write):
    header = "user_id,timestamp,returned\n"
    content = header + "".join(f"u,2024-03-01,{word}\n" for word in ["yes", "No", "TRUE", "0", "", "1.0"])
    read = read_file(write(content, "service.csv"), "service")["returned"]
    assert read.tolist() == [True, False, True, False, pd.NA, True]
    assert "neither yes nor no" in str(refused(write(header + "u,2024-03-01,maybe\n"), "service"))


CELL = (
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
    .map(str.strip)
    .filter(bool)
)


@given(titles=st.lists(CELL, min_size=1, max_size=8))
def test_what_pandas_writes_is_read_back(titles, tmp_path_factory):
    frame = pd.DataFrame({"item_id": [f"i{place}" for place in range(len(titles))], "title": titles})
    file = tmp_path_factory.mktemp("round") / "items.csv"
    frame.to_csv(file, index=False)
    read = read_file(file, "items")["title"]
    kept = [
        None if title in {"NA", "N/A", "n/a", "<NA>", "NaN", "nan", "NULL", "null", "None"} else title
        for title in titles
    ]
    assert read.astype(object).where(read.notna(), None).tolist() == kept


@given(
    content=st.binary(max_size=300)
    | st.text(alphabet="user_id,item;\"'\n\r\t|0.5-é", max_size=200).map(str.encode)
)
def test_no_content_whatever_raises_anything_but_a_table_error(content, tmp_path_factory):
    file = tmp_path_factory.mktemp("fuzz") / "items.csv"
    file.write_bytes(content)
    try:
        frame = read_file(file, "items")
    except TableError:
        return
    assert frame["item_id"].is_unique
    assert frame["item_id"].str.len().min() > 0


def test_the_limit_is_one_gigabyte():
    assert files.LARGEST_FILE == 10**9


def test_bytes_in_parquet_that_are_no_text_are_refused_with_their_column(tmp_path):
    path = tmp_path / "users.parquet"
    pd.DataFrame({"user_id": ["u"], "photo": [b"\xff\xfe\x00"]}).to_parquet(path)
    error = refused(path, "users")
    assert error.column == "photo"
    assert "no UTF-8 text" in str(error)
