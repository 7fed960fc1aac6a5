"""The knobs of coupons and of price caps on a trained slice: answers first, and the states without one."""

import pytest
from streamlit.testing.v1 import AppTest


def opened(name: str, root, monkeypatch, *, by: tuple[str, ...] = ("age",)) -> AppTest:
    monkeypatch.setenv("EVENHAND_WORKSPACE", str(root))
    monkeypatch.delenv("EVENHAND_STORE", raising=False)

    def page(name: str, by: tuple[str, ...]) -> None:
        from importlib import import_module

        from core.schema.settings import Scope
        from pages.ui import cached
        from pages.ui.shell import View

        workspace = cached.workspace()
        datasets = cached.datasets(workspace)
        view = View(workspace, datasets, [], datasets[0] if datasets else None, None, by, 10, Scope(), 5)
        import_module(f"pages.ui.{name}").show(view)

    return AppTest.from_function(page, default_timeout=60, kwargs={"name": name, "by": by}).run()


def said(app: AppTest) -> str:
    kinds = ("markdown", "caption", "info", "warning", "error")
    return "\n".join(str(one.value) for kind in kinds for one in getattr(app, kind)).replace("\\", "")


def test_coupons_answer_first_and_follow_the_knobs(trained, monkeypatch):
    app = opened("tune_offers", trained[0], monkeypatch)
    assert not app.exception
    first = app.markdown[0].value
    assert "coupons, put where they are worth most, reach" in first
    assert "that gives up $" in app.markdown[1].value.replace("\\", "")
    assert "were redeemed" in said(app) or "Too few offers were redeemed" in said(app)
    app.select_slider(key="offers_count").set_value(50).run()
    assert app.markdown[0].value.startswith("**50 coupons")
    loose = app.markdown[1].value
    app.select_slider(key="offers_gap").set_value(0.0).run()
    assert app.markdown[1].value != loose
    assert "offer rates equal" in app.markdown[1].value
    app.selectbox(key="offers_parity").set_value("saving").run()
    assert "are expected to save users of a group $" in app.markdown[0].value.replace("\\", "")
    app.selectbox(key="offers_unit").set_value("share").run()
    app.select_slider(key="offers_share").set_value(0.1).run()
    assert not app.exception
    assert app.markdown[0].value.startswith("**30 coupons")  # of 300 users


def test_forecasts_read_protected_attributes_when_asked(trained, monkeypatch):
    app = opened("tune_offers", trained[0], monkeypatch)
    before = app.markdown[0].value
    app.toggle(key="offers_protected").set_value(True).run()
    assert not app.exception
    assert app.markdown[0].value != before


def test_a_group_that_must_be_hidden_has_no_number(trained, monkeypatch):
    app = opened("tune_offers", trained[0], monkeypatch, by=("age", "income"))
    assert not app.exception
    assert "hidden" in said(app)
    table = app.dataframe[0].value
    hidden = table[table["Users"] == "hidden"]
    assert len(hidden)
    numbers = hidden.drop(columns="Group")
    assert numbers.isin(["hidden", ""]).all(axis=None)


def test_a_rule_can_be_learnt_instead(trained, monkeypatch):
    app = opened("tune_offers", trained[0], monkeypatch, by=("home_ownership",))
    app.toggle(key="offers_learn").set_value(True).run()
    assert not app.exception
    assert "This rule gives" in said(app) or "Each group needs users" in said(app)


@pytest.mark.parametrize("name", ["tune_offers", "tune_price_caps"])
def test_without_what_it_needs_a_tab_says_so(reviewed, trained, workspace, monkeypatch, name):
    without_offers = opened(name, reviewed[0], monkeypatch)
    assert not without_offers.exception
    needs = "hold no offers" if name == "tune_offers" else "need prices"
    assert needs in said(without_offers)
    nobody = opened(name, trained[0], monkeypatch, by=())
    assert not nobody.exception
    assert "user attributes" in said(nobody)


def test_caps_say_who_gains_and_what_holds(trained, monkeypatch):
    app = opened("tune_price_caps", trained[0], monkeypatch, by=("income",))
    assert not app.exception
    assert "model estimate" in said(app)
    app.selectbox(key="caps_difference").set_value("0").run()
    assert "of the usual price instead of" in said(app)
    assert "equal prices" in app.markdown[1].value
    app.selectbox(key="caps_difference").set_value("none").run()
    assert "change nothing" in app.markdown[0].value
    lone = opened("tune_price_caps", trained[0], monkeypatch, by=("home_ownership",))
    assert "need two groups whose demand surely falls" in said(lone)
