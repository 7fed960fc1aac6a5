"""The Exposure and Pricing pages on a trained slice: answers, links, filters, and the states without an answer."""

import re

import pytest

from pages.ui.definitions import DETECTABLE


def text_of(app) -> str:
    """Everything that is written on the page."""
    kinds = ("title", "subheader", "markdown", "caption", "info", "warning", "error")
    return "\n".join(str(one.value) for kind in kinds for one in getattr(app, kind))


def chosen(app, key: str):
    return app.session_state[key]


@pytest.fixture
def run_id(trained) -> str:
    return trained[1][0].id


def test_exposure_answers_first_and_its_choices_stand_in_the_link(open_page, trained, run_id):
    app = open_page("exposure", trained[0], run=run_id, by="age", items="category", target="purchases")
    assert not app.exception
    answer = app.markdown[0].value
    assert "of attention" in answer
    assert "than its share of purchases" in answer
    assert "95 % interval" in answer.replace("\\", "")
    assert app.query_params["items"] == "category"
    assert app.query_params["target"] == "purchases"
    assert "Who sees what" in text_of(app)
    app.selectbox(key="target").set_value("blend").run()
    assert "a blend of catalogue and purchases" in app.markdown[0].value
    app.select_slider(key="weight").set_value(0.9).run()
    assert app.query_params["weight"] == "0.9"
    app.selectbox(key="attention").set_value("geometric").run()
    assert not app.exception
    assert app.select_slider(key="going_on").value == 0.5


def test_exposure_says_what_a_link_asks_for_that_is_not_there(open_page, trained, run_id):
    app = open_page("exposure", trained[0], run=run_id, items="<b>moon</b>", target="gold")
    assert not app.exception
    said = text_of(app)
    assert "which is not here" in said
    assert "<b>" not in said.replace("\\<b\\>", "")


def test_pricing_answers_with_interval_and_tolerance(open_page, trained, run_id):
    app = open_page("pricing", trained[0], run=run_id, by="income")
    assert not app.exception
    answer = app.markdown[0].value.replace("\\", "")
    assert "for the same product in the same week and store than everyone else" in answer
    assert "95 % interval" in answer
    assert "tolerance 1.0 %" in answer
    assert "How much of the gap is what people buy" in text_of(app)


@pytest.mark.parametrize(
    ("see", "said"),
    [
        ("discounts", "Why the depth differs"),
        ("offers", "were offered a campaign"),
        ("lists", "dearer"),
        ("access", "Prices as they were paid"),
        ("what_if", "model estimate"),
    ],
)
def test_every_question_of_the_pricing_page_has_an_answer(open_page, trained, run_id, see, said):
    app = open_page("pricing", trained[0], run=run_id, by="age", see=see)
    assert not app.exception
    assert said in text_of(app)


def test_a_shop_without_a_log_of_what_was_shown_says_so(open_page, trained, run_id):
    app = open_page("pricing", trained[0], run=run_id, by="age", see="offers")
    assert "no log of what was shown and clicked" in text_of(app)


def test_prices_are_compared_with_a_named_group_when_asked(open_page, trained, run_id):
    app = open_page("pricing", trained[0], run=run_id, by="age", reference="Unknown")
    assert not app.exception
    assert "than Unknown" in app.markdown[0].value
    app.selectbox(key="reference").set_value("rest").run()
    assert "than everyone else" in app.markdown[0].value
    assert "reference" not in app.query_params


@pytest.mark.parametrize(
    ("kind", "words"), [("any", "any discount"), ("loyalty", "loyalty discount"), ("coupon", "coupon")]
)
def test_discounts_compare_like_with_like_when_asked(open_page, trained, run_id, kind, words):
    app = open_page("pricing", trained[0], run=run_id, by="age", kind=kind, way="rate")
    assert "for the same product, week and store than everyone else" not in text_of(app).replace("\\", "")
    app.toggle(key="alike").set_value(True).run()
    assert not app.exception
    assert app.query_params["alike"] == "yes"
    again = open_page("pricing", trained[0], run=run_id, by="age", kind=kind, way="rate", alike="yes")
    assert text_of(again) == text_of(app)
    assert f"get a discount ({words})" in text_of(app).replace("\\", "")
    assert "often for the same product, week and store than everyone else" in text_of(app)


def test_filters_are_shared_by_pages_and_stand_in_the_link(open_page, trained, run_id):
    link = {"run": run_id, "by": "age", "from": "2017-03-01", "to": "2017-06-30"}
    app = open_page("pricing", trained[0], **link)
    assert not app.exception
    assert str(chosen(app, "from")) == "2017-03-01"
    assert "part of the shop" in text_of(app)
    whole = open_page("pricing", trained[0], run=run_id, by="age")
    assert app.markdown[0].value != whole.markdown[0].value
    exposure = open_page("exposure", trained[0], **link)
    assert str(chosen(exposure, "to")) == "2017-06-30"
    category = exposure.multiselect(key="category").options[0]
    exposure.multiselect(key="category").set_value([category]).run()
    assert exposure.query_params["category"]


def test_a_link_with_several_stores_survives_odd_names(open_page, trained, run_id):
    app = open_page("pricing", trained[0], run=run_id, store="nowhere|<i>x</i>", by="age")
    assert not app.exception
    assert "nowhere" in text_of(app)
    assert chosen(app, "store") == []


def test_an_empty_part_of_the_shop_says_so(open_page, trained, run_id):
    app = open_page("pricing", trained[0], run=run_id, by="age", **{"from": "2017-12-31", "to": "2017-01-01"})
    assert not app.exception
    assert "The period ends before it begins" in text_of(app)


def test_a_shop_without_prices_is_told_what_is_missing(open_page, reviewed):
    app = open_page("pricing", reviewed[0])
    assert not app.exception
    assert "hold no prices" in text_of(app)


def test_a_group_that_must_be_hidden_has_no_number_on_the_page(open_page, trained, run_id):
    app = open_page("pricing", trained[0], run=run_id, by="age*income")
    assert not app.exception
    assert "hidden" in text_of(app)


def test_measures_above_zero_by_chance_stand_beside_what_chance_gives(open_page, trained, run_id):
    app = open_page("exposure", trained[0], run=run_id)
    table = next(frame.value for frame in app.dataframe if "By chance alone" in frame.value)
    bands = table.set_index("Metric")["By chance alone"]
    assert " to " in bands["Attention that does not follow purchases (IAA)"]
    assert (bands != "").sum() < len(bands)  # a share of attention has a target, and no such band


def test_both_views_have_their_verdict_and_every_number_of_the_cards_its_definition(
    open_page, trained, run_id
):
    app = open_page("exposure", trained[0], run=run_id, by="age")
    said = text_of(app).replace("\\", "")
    verdict = r"\*(unequal|equal within tolerance|not enough data)\*"
    assert re.search(rf"filled at random by the target: {verdict}\. All lists together: {verdict}\.", said)
    for source in ("Sapiezynski et al.", "Fleder & Hosanagar", "Ge, Delgado-Battenfeld & Jannach"):
        assert source in said


def test_tested_gaps_say_which_true_gap_would_be_found(open_page, trained, run_id):
    app = open_page("exposure", trained[0], run=run_id, by="age")
    table = next(frame.value for frame in app.dataframe if DETECTABLE in frame.value)
    tested = (table["Statistic"] == "gap") & (table["p, corrected"] != "")
    assert tested.sum() >= 2
    assert (table.loc[tested, DETECTABLE].astype(float) > 0).all()
    assert (table.loc[table["Statistic"] == "value", DETECTABLE] == "").all()


def test_the_rungs_and_the_parts_and_the_notions_of_fair_prices_are_defined(open_page, trained, run_id):
    app = open_page("pricing", trained[0], run=run_id, by="age", see="what_if")
    said = text_of(app).replace("\\", "")
    assert "MacKinnon & Webb" in said
    for name in ("Elasticity of demand", "Equal shares who buy", "Price of fairness", "Welfare"):
        assert f"**{name}**" in said
    app = open_page("pricing", trained[0], run=run_id, by="age", see="discounts")
    assert "Jann, Stata Journal" in text_of(app).replace("\\", "")


@pytest.mark.parametrize("fold", ["same", "ladder", "parts"])
def test_numbers_of_pricing_are_made_when_their_fold_is_opened(open_page, trained, run_id, fold):
    app = open_page("pricing", trained[0], run=run_id, by="age")
    before = len(app.dataframe)
    app.session_state[f"fold-{fold}"] = True
    app.run()
    assert not app.exception
    assert len(app.dataframe) == before + 1
    assert len(app.get("download_button")) >= 4


def test_joint_exposure_is_shown_from_both_sides(open_page, trained, run_id):
    app = open_page("exposure", trained[0], run=run_id, by="age")
    assert not any("Attention of" in frame.value for frame in app.dataframe)
    app.session_state["fold-joint"] = True
    app.run()
    table = next(frame.value for frame in app.dataframe if "Attention of" in frame.value)
    assert table["Metric"].tolist() == ["II-F", "IG-F", "GI-F", "GG-F", "AI-F", "AG-F"]
    assert (table["Distance"].astype(float) > 0).all()
