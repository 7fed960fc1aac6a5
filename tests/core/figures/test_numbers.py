import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.figures import numbers


@pytest.mark.parametrize(
    ("form", "value", "text"),
    [
        (numbers.count, 12480, "12,480"),
        (numbers.share, 0.412, "41.2 %"),
        (numbers.points, -0.031, "−3.1 pp"),
        (numbers.points, 0.031, "+3.1 pp"),
        (numbers.ratio, 0.87, "0.87×"),
        (numbers.money, 3.49, "$3.49"),
        (numbers.money, -3.49, "−$3.49"),
        (numbers.money, -0.004, "$0.00"),
        (numbers.money, -0.006, "−$0.01"),
        (numbers.count, -0.4, "0"),
        (numbers.points, -0.0004, "0.0 pp"),
        (numbers.fine, -0.00004, "0.0000"),
        (numbers.change(numbers.money), 0.004, "$0.00"),
        (numbers.change(numbers.money), -0.004, "$0.00"),
        (numbers.change(numbers.money), 0.05, "+$0.05"),
        (numbers.change(numbers.share), 0.031, "+3.1 %"),
        (numbers.p_value, 0.0004, "<0.001"),
        (numbers.duration, 7.6, "8 s"),
        (numbers.duration, 200, "3 min 20 s"),
        (numbers.duration, 7500, "2 h 5 min"),
        (numbers.moment, "2026-11-24T20:41:05.123+00:00", "24 Nov 2026, 20:41"),
        (numbers.size, 31_200_000, "31.2 MB"),
    ],
)
def test_numbers_are_written_with_their_unit(form, value, text):
    assert form(value) == text


def test_a_currency_without_sign_keeps_its_code():
    assert numbers.money(1234.5, "CHF") == "1,234.50 CHF"


def test_a_value_stands_with_its_interval_and_n():
    assert numbers.with_interval(0.412, 0.381, 0.443, 1204) == "0.412 [0.381, 0.443] · n=1,204"
    assert (
        numbers.with_interval(-0.031, -0.05, -0.01, 80, form=numbers.points)
        == "−3.1 pp [−5.0 pp, −1.0 pp] · n=80"
    )


def test_a_hidden_group_shows_no_number():
    assert numbers.with_interval(None, None, None, "<10") == "– · n<10"


@given(st.floats())
def test_no_number_is_ever_written_as_nan_or_with_a_hyphen(value):
    for form in (numbers.count, numbers.score, numbers.share, numbers.points, numbers.money, numbers.ratio):
        assert not {"nan", "inf"} & {form(value).lower()}
        if form is not numbers.ratio:
            assert "-" not in form(value)
