"""The mapping assistant: realistic exports are matched, hostile ones do no harm, a mapping gives the contract's table."""

import numpy as np
import pandas as pd
import pytest

from core.data.files import read_file, read_unchecked
from core.data.mapped import apply, examine
from core.data.mapping import attributes, likely_table, looks_of, normalised, propose
from core.data.mapping_store import find_mapping, list_mappings, save_mapping
from core.errors import InputError, TableError
from core.schema.tables import CONTRACTS

N = 400


def lines(seed: int = 3) -> dict[str, np.ndarray]:
    """What an export of sales holds, as plain values under short names."""
    random = np.random.default_rng(seed)
    day = pd.Timestamp("2024-03-01") + pd.to_timedelta(random.integers(0, 90, N), unit="D")
    shelf = random.integers(200, 9000, N) / 100
    return {
        "who": random.integers(10_000, 10_080, N),
        "what": np.array([f"A-{code}" for code in random.integers(100, 160, N)]),
        "when": day + pd.to_timedelta(random.integers(0, 86_400, N), unit="s"),
        "n": random.integers(1, 4, N),
        "shelf": shelf,
        "paid": np.round(shelf * 0.9, 2),
        "order": random.integers(5000, 5200, N),
        "where": random.choice(["Berlin", "Hamburg", "Ulm"], N),
    }


def german() -> pd.DataFrame:
    """A till's export: German names, dates and decimal commas, amounts with their sign."""
    made = lines()
    comma = lambda amounts: [f"{amount:.2f}".replace(".", ",") + " €" for amount in amounts]  # noqa: E731
    return pd.DataFrame(
        {
            "Bon-Nr.": made["order"],
            "Kundennummer": made["who"],
            "Artikel-Nr.": made["what"],
            "Bezeichnung": [f"Artikel {code}, 500 g" for code in made["what"]],
            "Bestelldatum": pd.Series(made["when"]).dt.strftime("%d.%m.%Y %H:%M"),
            "Menge": made["n"],
            "UVP": comma(made["shelf"]),
            "Einzelpreis": comma(made["paid"]),
            "Filiale": made["where"],
        }
    ).astype(str)


def shopify() -> pd.DataFrame:
    """Orders as Shopify exports them."""
    made = lines()
    return pd.DataFrame(
        {
            "Name": [f"#{number}" for number in made["order"]],
            "Email": [f"person{number}@example.org" for number in made["who"]],
            "Financial Status": "paid",
            "Created at": pd.Series(made["when"]).dt.strftime("%Y-%m-%d %H:%M:%S +0100"),
            "Lineitem quantity": made["n"],
            "Lineitem name": [f"Shirt {code}" for code in made["what"]],
            "Lineitem price": made["paid"],
            "Lineitem compare at price": made["shelf"],
            "Lineitem sku": made["what"],
            "Billing Name": "Ann",
            "Notes": "",
            "Source": made["where"],
        }
    ).astype(str)


def google() -> pd.DataFrame:
    """A log of events in camel case, with milliseconds since 1970."""
    made = lines()
    return pd.DataFrame(
        {
            "eventType": np.where(made["n"] > 1, "view", "purchase"),
            "visitorId": made["who"],
            "itemId": made["what"],
            "timestamp": pd.Series(made["when"]).astype("datetime64[ms]").astype("int64"),
            "transactionId": made["order"],
        }
    ).astype(str)


def nameless() -> pd.DataFrame:
    """Names that say nothing: content alone speaks."""
    made = lines()
    return pd.DataFrame(
        {
            "c1": pd.Series(made["when"]).dt.strftime("%Y-%m-%dT%H:%M:%S"),
            "c2": made["who"],
            "c3": made["paid"],
        }
    ).astype(str)


def chosen(frame: pd.DataFrame, table: str) -> dict[str, str]:
    return {one.column: one.source for one in propose(looks_of(frame), table) if one.source}


def test_a_german_export_is_matched_and_reads_as_it_should(tmp_path):
    frame = german()
    assert likely_table(looks_of(frame)) == "events"
    mapping = chosen(frame, "events")
    assert mapping == {
        "user_id": "Kundennummer",
        "item_id": "Artikel-Nr.",
        "timestamp": "Bestelldatum",
        "quantity": "Menge",
        "list_price": "UVP",
        "paid_price": "Einzelpreis",
        "basket_id": "Bon-Nr.",
        "channel": "Filiale",
    }
    examined = examine(frame, "events", mapping)
    assert (examined.rows, examined.bad, examined.refused) == (N, 0, None)
    apply(frame, "events", mapping).to_parquet(tmp_path / "events.parquet")
    events, made = read_file(tmp_path / "events.parquet", "events"), lines()
    np.testing.assert_allclose(events["paid_price"], made["paid"])
    np.testing.assert_allclose(events["list_price"], made["shelf"])
    assert (events["timestamp"] == pd.Series(made["when"]).dt.floor("min")).all()


def test_shopify_and_event_logs_are_matched():
    assert chosen(shopify(), "events") == {
        "user_id": "Email",
        "item_id": "Lineitem sku",
        "timestamp": "Created at",
        "quantity": "Lineitem quantity",
        "list_price": "Lineitem compare at price",
        "paid_price": "Lineitem price",
        "channel": "Source",
    }
    assert chosen(google(), "events") == {
        "user_id": "visitorId",
        "item_id": "itemId",
        "timestamp": "timestamp",
        "event": "eventType",
        "basket_id": "transactionId",
    }


def test_reviews_and_users_are_told_from_sales():
    random = np.random.default_rng(1)
    reviews = pd.DataFrame(
        {
            "reviewerID": [f"r{code}" for code in random.integers(0, 90, N)],
            "asin": [f"B{code}" for code in random.integers(0, 40, N)],
            "overall": random.integers(1, 6, N),
            "unixReviewTime": random.integers(1_600_000_000, 1_700_000_000, N),
            "reviewText": [f"This is what somebody wrote about product number {code}" for code in range(N)],
            "summary": [f"Good thing {code}" for code in range(N)],
        }
    ).astype(str)
    assert likely_table(looks_of(reviews)) == "reviews"
    assert chosen(reviews, "reviews") == {
        "user_id": "reviewerID",
        "item_id": "asin",
        "rating": "overall",
        "timestamp": "unixReviewTime",
        "text": "reviewText",
        "title": "summary",
    }
    users = pd.DataFrame(
        {"Kunden-ID": range(N), "Geschlecht": ["f", "m"] * (N // 2), "Alter": np.arange(N) % 60 + 18}
    )
    users["Anmerkung"] = [f"text {number} of its own" for number in range(N)]
    assert likely_table(looks_of(users.astype(str))) == "users"
    assert chosen(users.astype(str), "users") == {"user_id": "Kunden-ID"}
    assert attributes(looks_of(users.astype(str)), "users", {"Kunden-ID"}) == ["Geschlecht", "Alter"]
    assert attributes(looks_of(users.astype(str)), "events", set()) == []


def test_the_mere_id_of_a_table_of_people_or_things_is_theirs():
    users = pd.DataFrame({"_id": [f"u{n}" for n in range(N)], "age": np.arange(N) % 60}).astype(str)
    assert chosen(users, "users") == {"user_id": "_id"}
    assert chosen(users, "items") == {"item_id": "_id"}
    assert "user_id" not in chosen(users[["_id"]], "events")


def test_content_speaks_where_names_say_nothing():
    proposals = {one.column: one for one in propose(looks_of(nameless()), "events")}
    assert proposals["timestamp"].source == "c1"
    assert proposals["timestamp"].reason == "its values are times"
    assert proposals["paid_price"].source == "c3"
    assert proposals["timestamp"].score < 0.5  # a guess


def test_a_time_alone_is_no_reason_for_a_column_that_may_be_absent():
    frame = pd.DataFrame(
        {
            "user_id": lines()["who"],
            "timestamp": lines()["when"],
            "satisfaction": 4,
            "packed": lines()["when"],
        }
    )
    assert chosen(frame, "service") == {name: name for name in ("user_id", "timestamp", "satisfaction")}


def test_a_name_that_its_values_contradict_is_not_believed():
    frame = german().assign(Bestelldatum="heute", Lieferung=german()["Bestelldatum"])
    proposals = {one.column: one for one in propose(looks_of(frame), "events")}
    assert proposals["timestamp"].source == "Lieferung"


@pytest.mark.parametrize("made", [german, shopify, google, nameless])
def test_every_score_has_its_reason_and_lies_between_0_and_1(made):
    looks = looks_of(made())
    for table in CONTRACTS:
        proposals = propose(looks, table)
        assert [one.column for one in proposals] == list(CONTRACTS[table].columns)
        assert all(0 <= one.score <= 1 and one.reason for one in proposals)
        used = [one.source for one in proposals if one.source]
        assert len(used) == len(set(used))


HOSTILE = [
    "", " ", "$ne", "{'$gt': ''}", "<script>alert(1)</script>", "=HYPERLINK(\"http://x\")", "../../etc/passwd", "a\0b",
    "__class__", "ünïcødé", "\u202eevil", "x" * 5000, "user_id\n", "'; DROP TABLE users; --", "%s%s%n", "[link](javascript:1)",
]  # fmt: skip


def test_hostile_names_are_names():
    frame = pd.DataFrame({name: lines()["who"].astype(str) for name in HOSTILE})
    looks = looks_of(frame)
    for table in CONTRACTS:
        assert {one.source for one in propose(looks, table)} <= {None, *HOSTILE[2:]}
    examined = examine(
        frame.assign(at="2024-03-01"),
        "events",
        {"user_id": "$ne", "item_id": "<script>alert(1)</script>", "timestamp": "at"},
    )
    assert examined.bad == 0
    with pytest.raises(InputError, match="cannot be shown"):
        apply(frame, "users", {"user_id": "$ne"}, ["a\0b"])


def test_columns_of_one_name_or_none_are_never_chosen():
    frame = pd.DataFrame(
        np.array([["u1", "u2", "i1", "2024-03-01"]] * 9), columns=["user_id", "user_id", "", "time"]
    )
    proposals = {one.column: one.source for one in propose(looks_of(frame), "events")}
    assert proposals["item_id"] is None
    with pytest.raises(InputError, match="more than one column 'user_id'"):
        apply(frame, "events", {"user_id": "user_id", "item_id": "", "timestamp": "time"})


def test_very_many_columns_are_refused_at_once():
    frame = pd.DataFrame(np.zeros((3, 10_000)), columns=[f"c{number}" for number in range(10_000)])
    with pytest.raises(TableError, match="has 10,000 columns; at most 500 are read"):
        propose(looks_of(frame), "events")


def test_the_first_bad_rows_are_told_with_row_column_value_and_reason():
    frame = german()
    frame.loc[3, "Bestelldatum"] = "gestern"
    frame.loc[5, "Kundennummer"] = ""
    frame.loc[9, "Einzelpreis"] = "-5,00 €"
    examined = examine(frame, "events", chosen(frame, "events"))
    assert (examined.bad, examined.refused) == (3, None)
    told = [(bad.row, bad.column, bad.source, bad.value) for bad in examined.first]
    assert told == [
        (4, "timestamp", "Bestelldatum", "gestern"),
        (6, "user_id", "Kundennummer", ""),
        (10, "paid_price", "Einzelpreis", "-5,00"),
    ]
    assert [bad.why.split(";")[0] for bad in examined.first] == ["is no date", "is blank", "is below 0"]
    assert len(examine(frame, "events", chosen(frame, "events"), limit=2).first) == 2


def test_a_column_of_another_kind_is_refused_with_its_first_rows():
    frame = german()
    mapping = chosen(frame, "events") | {"timestamp": "Filiale"}
    examined = examine(
        frame, "events", {name: source for name, source in mapping.items() if name != "channel"}
    )
    assert examined.refused.startswith("The file, column 'timestamp': is no date")
    assert (examined.first[0].row, examined.first[0].source) == (1, "Filiale")


@pytest.mark.parametrize(
    ("columns", "keep", "message"),
    [
        ({"user_id": "Kundennummer"}, [], "Choose a column for item_id and timestamp"),
        ({"user": "Kundennummer"}, [], "Table events has no column 'user'"),
        ({"user_id": "Kunde"}, [], "The file has no column 'Kunde', which was chosen for user_id"),
        (
            {"user_id": "Menge", "item_id": "Menge", "timestamp": "Bestelldatum"},
            [],
            "chosen for user_id and item_id",
        ),
        (
            {"user_id": "Kundennummer", "item_id": "UVP", "timestamp": "Bestelldatum"},
            ["Filiale"],
            "users and items only",
        ),
    ],
)
def test_a_mapping_that_cannot_be_used_is_refused(columns, keep, message):
    with pytest.raises(InputError, match=message):
        apply(german(), "events", columns, keep)


def test_a_saved_mapping_is_found_for_files_with_the_same_columns_alone(workspace):
    header, columns = list(german().columns), chosen(german(), "events")
    saved = save_mapping(workspace, " Till of Ulm ", "events", header, columns)
    assert saved.name == "Till of Ulm"
    assert find_mapping(workspace, "events", header[::-1]) == saved
    assert find_mapping(workspace, "events", header[1:]) is None
    assert find_mapping(workspace, "reviews", header) is None
    again = save_mapping(workspace, "Till", "events", header, {"user_id": header[1]})
    assert list_mappings(workspace) == [again]
    for name in ("", "x" * 61, "a\nb"):
        with pytest.raises(InputError, match="Give the mapping a name"):
            save_mapping(workspace, name, "events", header, columns)


def test_hostile_names_can_be_saved_and_come_back_as_they_were(workspace):
    header = [name for name in HOSTILE if "\0" not in name]
    save_mapping(
        workspace, "<b>{'$ne': null}</b>", "users", header, {"user_id": "$ne"}, ["<script>alert(1)</script>"]
    )
    found = find_mapping(workspace, "users", header)
    assert (found.header, found.columns, found.name) == (header, {"user_id": "$ne"}, "<b>{'$ne': null}</b>")


@pytest.mark.parametrize(
    ("name", "small"),
    [
        ("KundenNr.", "kunden nr"),
        ("  Größe_in cm ", "grosse in cm"),
        ("Prénom", "prenom"),
        ("userID", "user id"),
        ("ÄRZTE", "arzte"),
        ("$ne", "ne"),
        ("\0", ""),
    ],
)
def test_names_are_compared_without_case_accents_and_signs(name, small):
    assert normalised(name) == small


def test_a_file_of_any_names_can_be_read_to_be_mapped(tmp_path):
    german().to_csv(tmp_path / "till.csv", sep=";", index=False, encoding="cp1252")
    frame, notes = read_unchecked(tmp_path / "till.csv", set())
    assert chosen(frame, "events") == chosen(german(), "events")
    assert "cp1252" in notes[0]
