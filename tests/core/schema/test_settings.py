"""Settings refuse what is unknown or out of bounds, in one line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import SettingsError
from core.schema.settings import AuditSettings, DatasetSettings, TrainSettings, parse_by, settings_from


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (DatasetSettings, {"sample": 5}, "'sample' is no setting; there are protected, sample_users"),
        (
            DatasetSettings,
            {"sample_users": 3},
            "Setting 'sample_users': Input should be greater than or equal to 20.",
        ),
        (DatasetSettings, {"maximum_quantity": float("nan")}, "Setting 'maximum_quantity'"),
        (DatasetSettings, {"split": "random"}, "Setting 'split'"),
        (DatasetSettings, {"timezone": "Mars/Olympus"}, "'Mars/Olympus' is no time zone"),
        (DatasetSettings, {"currency": "dollars"}, "Setting 'currency'"),
        (TrainSettings, {"width": 64, "heads": 5}, "Setting 'heads': heads must divide width."),
        (AuditSettings, {"by": [["a", "b", "c"]]}, "Setting 'by.0'"),
        (AuditSettings, {"by": []}, "Setting 'by': Input should not be empty."),
        (AuditSettings, {"by": [["a"]], "tolerances": {"ndcg": 0}}, "Setting 'tolerances.ndcg'"),
        (AuditSettings, {"by": "age"}, "Setting 'by': Input should be a list, in brackets."),
    ],
)
def test_a_bad_setting_is_one_clear_line(kind, values, message):
    with pytest.raises(SettingsError) as caught:
        settings_from(kind, values)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_defaults_are_valid_and_settings_cannot_be_changed():
    settings = settings_from(DatasetSettings, {"timezone": "Europe/Berlin"})
    assert (settings.validation_days, settings.test_days) == (28, 28)
    with pytest.raises(ValueError, match="frozen"):
        settings.test_days = 3
    assert DatasetSettings.model_validate(settings.model_dump(mode="json")) == settings


def test_every_setting_says_what_it_means():
    for kind in (DatasetSettings, TrainSettings, AuditSettings):
        assert all(field.description for field in kind.model_fields.values())


def test_groupings_are_read_from_text():
    assert parse_by("age, income*age") == (("age",), ("income", "age"))
    for bad in ("", ",", "a*b*c", "a*a", "*"):
        with pytest.raises(SettingsError, match="names no grouping"):
            parse_by(bad)


@given(
    st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=2, unique=True), min_size=1, max_size=4)
)
def test_a_grouping_survives_being_written_and_read(groupings):
    text = ",".join("*".join(grouping) for grouping in groupings)
    assert parse_by(text) == tuple(tuple(grouping) for grouping in groupings)


def test_groupings_and_protected_attributes_count_once_each():
    assert AuditSettings(by=(("age",), ("sex",), ("age",))).by == (("age",), ("sex",))
    assert DatasetSettings(protected=("age", "age")).protected == ("age",)
