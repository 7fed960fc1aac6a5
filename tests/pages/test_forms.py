"""Forms take ranges, defaults and help from the settings."""

import pytest
from streamlit.testing.v1 import AppTest

from core.schema.settings import DatasetSettings, TrainSettings
from pages.ui import prepare


def form(kind_name: str, names: tuple[str, ...]):
    import streamlit as st

    from core.schema import settings
    from pages.ui import forms

    st.session_state["values"] = forms.fields(getattr(settings, kind_name), names, prefix="f")


def opened(kind, names=None) -> AppTest:
    names = tuple(kind.model_fields) if names is None else names
    app = AppTest.from_function(form, args=(kind.__name__, names), default_timeout=30).run()
    assert not app.exception
    return app


@pytest.mark.parametrize(
    ("kind", "names"), [(TrainSettings, tuple(TrainSettings.model_fields)), (DatasetSettings, prepare.FIELDS)]
)
def test_an_untouched_form_gives_the_defaults(kind, names):
    assert kind.model_validate(opened(kind, names).session_state["values"]) == kind()


def test_bounds_and_help_come_from_the_field():
    app = opened(TrainSettings)
    width = app.number_input(key="f-width")
    assert (width.min, width.max, width.step) == (8, 512, 8)
    assert width.help == TrainSettings.model_fields["width"].description
    assert app.selectbox(key="f-device").options == ["Auto", "Cpu", "Cuda"]


def test_what_is_entered_comes_back_typed():
    app = opened(TrainSettings)
    app.number_input(key="f-epochs").set_value(3)
    app.number_input(key="f-learning_rate").set_value(0.01)
    app.selectbox(key="f-seen_items").select("exclude")
    values = app.run().session_state["values"]
    assert (values["epochs"], values["learning_rate"], values["seen_items"]) == (3, 0.01, "exclude")
    assert isinstance(values["epochs"], int)


def test_an_optional_number_can_be_set_and_emptied():
    app = opened(DatasetSettings, ("sample_users", "timezone"))
    app.number_input(key="f-sample_users").set_value(300)
    app.text_input(key="f-timezone").set_value("Europe/Berlin")
    assert app.run().session_state["values"] == {"sample_users": 300, "timezone": "Europe/Berlin"}
    app.number_input(key="f-sample_users").set_value(None)
    app.text_input(key="f-timezone").set_value("")
    assert app.run().session_state["values"] == {"sample_users": None, "timezone": None}
