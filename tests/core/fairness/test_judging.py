"""Rows are judged as one family."""

import pytest
from scipy import stats

from core.errors import SettingsError
from core.fairness.judging import judged
from core.fairness.rows import AuditRow
from core.fairness.verdicts import EQUAL, UNDECIDED, UNEQUAL
from core.schema.settings import AuditSettings, settings_from

SETTINGS = AuditSettings(by=(("age",),))


def gap(value, error, p_value, *, tolerance=0.05):
    row = AuditRow("pricing", "age", "young", "price_gap", "gap", n=200)
    ends = {"low": value - 2 * error, "high": value + 2 * error}
    return AuditRow(**vars(row) | ends | {"value": value, "p_value": p_value, "tolerance": tolerance})


def test_all_judged_rows_are_corrected_together_and_the_others_stay():
    mean = AuditRow("pricing", "age", "young", "price", "mean", value=1.0, n=200)
    rows = [gap(0.5, 0.01, 0.001), mean, gap(0.0, 0.01, 0.6), gap(0.06, 0.04, 0.04)]
    found = judged(rows, SETTINGS)
    assert found[1] == mean
    assert [row.verdict for row in found] == [UNEQUAL, None, EQUAL, UNDECIDED]
    expected = stats.false_discovery_control([0.001, 0.6, 0.04])
    assert [found[place].p_adjusted for place in (0, 2, 3)] == pytest.approx(list(expected))
    assert found[3].more_users > 0


def test_the_correction_is_that_of_the_settings():
    rows = [gap(0.5, 0.01, 0.01), gap(0.0, 0.01, 0.6)]
    for correction, adjusted, verdict in (
        ("benjamini_hochberg", 0.02, UNEQUAL),
        ("benjamini_yekutieli", 0.03, UNEQUAL),
    ):
        chosen = SETTINGS.model_copy(update={"correction": correction})
        row = judged(rows, chosen)[0]
        assert (row.p_adjusted, row.verdict) == (pytest.approx(adjusted), verdict)
    with pytest.raises(SettingsError, match="correction"):
        settings_from(AuditSettings, {"by": (("age",),), "correction": "bonferroni"})


def test_nothing_to_judge():
    assert judged([], SETTINGS) == []


def test_gaps_that_were_tested_say_what_would_be_found_and_nothing_else_does():
    tested = AuditRow(**vars(gap(0.5, 0.01, 0.001)) | {"null_low": -0.02, "null_high": 0.02})
    distance = AuditRow(**vars(tested) | {"null_low": 0.0, "metric": "parity_js_gap"})
    mean = AuditRow(**vars(tested) | {"statistic": "mean"})
    hidden = AuditRow("pricing", "age", "old", "price_gap", "gap", n="hidden", suppressed=True)
    alone = AuditRow(**vars(tested) | {"tolerance": None})
    found = [row.detectable for row in judged([tested, distance, mean, hidden, alone], SETTINGS)]
    usual = (stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) * 0.02 / stats.norm.ppf(0.975)
    assert found == [pytest.approx(usual), None, None, None, pytest.approx(usual)]
