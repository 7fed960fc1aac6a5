"""What the Tune page says of a policy, on a trained slice: certificates and shortfalls, words in tables, whole reasons."""

import json
import re

import pytest

from tests.pages.test_tune import FLOOR, answer, link, text_of


@pytest.fixture
def tune(open_page, trained):
    def open_(**parameters):
        return open_page("tune", trained[0], run=trained[1][0].id, by="age", **parameters)

    return open_


def notes(app) -> list[str]:
    """What the steps said, with the icon before it."""
    icons = (":material/verified:", ":material/warning:")
    return [one.value.replace("\\", "") for one in app.caption if one.value.startswith(icons)]


def test_limits_that_are_kept_have_a_certificate(tune):
    (said,) = notes(tune(policy=link(FLOOR)))
    assert said.startswith(
        ":material/verified: Floors and ceilings on attention: No lists within these limits"
    )


def test_what_is_out_of_reach_is_a_warning_and_no_certificate(tune):
    """Ten candidates of each user leave no room."""
    step = ("exposure_limits", {"items_by": "popularity_band", "floor": 1.0})
    app = tune(policy=json.dumps({"width": 10, "steps": [step]}))
    said = notes(app)
    assert any("'tail' can get at most" in one for one in said)
    assert all(one.startswith(":material/warning:") for one in said)
    assert not any("more relevant" in one for one in said)
    assert not app.exception


def test_a_step_at_rest_has_nothing_to_certify(tune):
    assert notes(tune(policy=link(("price_guard", {"by": "age"})))) == []


def test_gaps_of_users_and_of_products_are_told_apart(tune):
    app = tune(policy=link(FLOOR))
    assert re.search(r"\d+ of \d+ gaps between groups of users (is|are) unequal \(", answer(app))
    assert re.search(r"\d+ of \d groups of products gets? an unequal share of attention \(", answer(app))
    labels = [one.label.replace("\\", "") for one in app.metric]
    assert {"Unequal gaps, users", "Unequal shares, products"} <= set(labels)


def test_names_of_the_looks_are_short_enough_to_stand_beside_the_knobs(tune):
    (looks,) = [one for one in tune().get("button_group") if one.label == "Look at"]
    assert len(looks.options) == 6
    assert max(map(len, looks.options)) <= 10


def test_the_band_is_explained_where_it_follows_the_level(tune):
    app = tune(policy=link(FLOOR))
    assert "drawn is the band after the policy" in text_of(app)
    app.session_state["gap"] = "price_percentile"
    app.run()
    assert "drawn is the band after the policy" not in text_of(app)
    assert "small open diamond is the gap before" in text_of(app)


def test_the_reading_counts_those_who_neither_gain_nor_lose(tune):
    app = tune(policy=link(FLOOR), look="Who gains")
    told = re.search(
        r"([\d,]+) users? (?:is|are) served better, ([\d,]+) worse, ([\d,]+) as before", answer(app)
    )
    better, worse, same = (int(number.replace(",", "")) for number in told.groups())
    assert f"{same:,} of {better + worse + same:,} lists are neither better nor worse" in text_of(app)
    assert "most lists" not in text_of(app).lower()


def test_tables_of_numbers_are_in_words(tune):
    app = tune(policy=link(FLOOR), look="Numbers")
    gaps, changes = (one.value for one in app.dataframe)
    assert set(gaps["Gap in"]) >= {"Accuracy of recommendations", "Attention of groups of products"}
    assert set(changes["Measure"]) == {"Accuracy of recommendations", "Spending met"}
    assert changes["Group"].iloc[0] == "everybody"
    for table in (gaps, changes):
        assert not table.map(lambda cell: "@" in str(cell) or "_" in str(cell)).to_numpy().any()


def test_reasons_of_one_user_are_shown_whole(tune):
    """Two steps make long reasons: rows are high enough for all their lines."""
    short, long = (
        tune(policy=link(*steps), look="One user").dataframe[0]
        for steps in (
            [FLOOR],
            [FLOOR, ("xquad", {"strength": 0.4}), ("marginal_relevance", {"strength": 0.4})],
        )
    )
    assert short.value["Why"].str.len().max() < long.value["Why"].str.len().max()
    assert short.proto.row_height < long.proto.row_height
    assert long.proto.row_height >= 20 * long.value["Why"].str.len().max() / 50


def test_reasons_have_four_decimals(tune):
    why = tune(policy=link(FLOOR), look="One user").dataframe[0].value["Why"]
    assert why.str.fullmatch(r"\d\.\d{4,} [+−] \d\.\d{4,} \(\w+\) = −?\d\.\d{4}").all()


def test_a_policy_that_moves_nothing_moves_nobodys_share(tune):
    assert "Nobody's share moves." in text_of(tune(look="Attention"))
