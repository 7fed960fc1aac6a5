"""One outcome of orders or reviews by group: what was observed, what was predicted, and for whom that can be relied on."""

import pandas as pd
import streamlit as st

from core.data.service import VOLUNTEERED, Outcome
from core.fairness.service.group_loss import bound_sentence
from core.figures import about_service
from core.figures.about_groups import off_sentence, spread_sentence, wide_table
from core.figures.claims import Claim, claims_figure
from core.figures.groups import PALETTE, group_styles
from core.figures.model_card import card_metric
from core.figures.model_card_text import standing_sentence
from core.figures.model_words import model_words
from core.figures.numbers import share
from core.figures.reliability import calibration_figure
from core.figures.service_measures import (
    claim_measures,
    distance_measures,
    form_of,
    parity_measure,
    prediction_measures,
)
from core.figures.text import markdown_text
from core.schema.settings import ALL, AuditSettings
from core.workflow.audits.orders import ADJUSTED
from core.workflow.audits.service import PredictedService
from pages.ui import blocks, cached, service_cached, service_gaps
from pages.ui.folds import fold
from pages.ui.group_picker import hidden_caption
from pages.ui.shell import View

OBSERVED, PREDICTED, RESIDUAL, ERROR, COVERED = "observed", "predicted", "residual", "mae", "coverage"
PARITY = RESIDUAL + ADJUSTED
CLAIMS = (Claim(OBSERVED, "observed", open=False), Claim(PREDICTED, "predicted", open=True))
LOSSES = {ERROR: "worst_absolute_loss", "rmse": "worst_squared_loss"}  # what the worst-off group is held to
MOST_DRAWN = len(PALETTE)  # groups of a calibration plot


def title(name: str) -> str:
    """What an outcome is called."""
    return model_words(name).title


def answer(view: View, outcome: Outcome, found: PredictedService) -> str:
    """The sentence that the page opens with where no deliveries are told."""
    measure = claim_measures(outcome.name, outcome.unit)[OBSERVED]
    return about_service.gap_sentence(found.section.rows, f"{outcome.name}_{OBSERVED}", measure, by=view.by)


def claims(
    view: View, outcome: Outcome, found: PredictedService, settings: AuditSettings, *, told: str
) -> None:
    """What was observed beside what was predicted: two claims about each group; `told` has been said already."""
    rows, unit, prefix = found.section.rows, outcome.unit, f"{outcome.name}_"
    form, name = form_of(unit), title(outcome.name)
    means = about_service.named_means(rows, prefix, [OBSERVED, PREDICTED, RESIDUAL, ERROR, COVERED])
    together = about_service.overall(rows, prefix)
    st.markdown(about_service.overall_sentence(together, rows=found.rows, title=outcome.title, unit=unit))
    st.caption(VOLUNTEERED if found.volunteered else f"Predicted {markdown_text(outcome.moment, limit=160)}.")
    service_gaps.definition(prefix + OBSERVED, prefix + PREDICTED)
    blocks.beside_rules(standing_sentence(card_metric(view.run.reports[outcome.name], ERROR)))
    said = [spread_sentence(means, claim.name, words=claim.title.capitalize(), form=form) for claim in CLAIMS]
    off = off_sentence(
        means,
        RESIDUAL,
        words="Observation and prediction differ",
        form=about_service.difference_form(unit),
    )
    st.markdown(f"{' '.join(said)} {off}")
    blocks.chart(
        claims_figure(means, _styles(rows), CLAIMS, x_title=f"{name.lower()}, {unit}", form=form),
        key=f"service-{outcome.name}",
        alt=f"Observed and predicted {name.lower()} by group. {said[0]}",
        reading="Two different claims: a full dot is the mean of what users told or what happened, an open one the mean of "
        "what the model expected, each with its 95 % interval over users. A gap between groups in the one says nothing "
        "of the other.",
    )
    columns = {
        OBSERVED: ("Observed", form),
        PREDICTED: ("Predicted", form),
        RESIDUAL: ("Observed less predicted", about_service.difference_form(unit)),
        ERROR: ("Mean absolute error", form),
        COVERED: ("Inside the 90 % interval", share),
    }
    columns = {name: column for name, column in columns.items() if name in set(means["name"])}
    told_as = f"{name} observed and predicted by {'-'.join(view.by)}"
    fold(lambda: blocks.table(means, name=told_as, shown=wide_table(means, columns)), key="claims")
    hidden_caption(_hidden(rows))
    _gaps(view, outcome, found, settings, told=told)


def _gaps(
    view: View, outcome: Outcome, found: PredictedService, settings: AuditSettings, *, told: str
) -> None:
    """Both claims in a sentence each; then figure and table of one, or of whole distributions of predictions."""
    rows, prefix = found.section.rows, f"{outcome.name}_"
    means = claim_measures(outcome.name, outcome.unit)
    said = {
        name: about_service.gap_sentence(rows, prefix + name, measure, by=view.by)
        for name, measure in means.items()
    }
    for name, sentence in said.items():
        if sentence != told:
            st.markdown(f"{means[name].title}: {sentence}")
    distances = distance_measures(outcome.unit, of=PREDICTED)
    offered = means | distances
    name = service_gaps.choose("Gap in", "claimed", {name: one.title for name, one in offered.items()})
    service_gaps.definition(prefix + name)
    if name in distances:
        rows = service_cached.prediction_distributions(
            view.workspace, view.run.id, outcome=outcome, settings=settings
        ).rows
    key = f"claimed {title(outcome.name)} {name}"
    service_gaps.show(view, rows, prefix + name, offered[name], key=key, told=said.get(name, ""))


def reliance(view: View, outcome: Outcome, found: PredictedService, settings: AuditSettings) -> None:
    """Errors, intervals, calibration and whole distributions of errors: alike for every group?"""
    rows, prefix = found.section.rows, f"{outcome.name}_"
    predictions = prediction_measures(outcome.name, outcome.unit)
    distances = distance_measures(outcome.unit)
    parity = {PARITY: parity_measure(outcome.unit)} if outcome.table == "service" else {}
    told = set(rows["metric"])
    offered = {RESIDUAL: predictions[RESIDUAL]} | parity
    offered |= {name: one for name, one in predictions.items() if f"{prefix}{name}_gap" in told} | distances
    blocks.section("Can the predictions be relied on for every group")
    name = service_gaps.choose("Measured by", "relied", {name: one.title for name, one in offered.items()})
    service_gaps.definition(prefix + name)
    if name == PARITY:
        _parity(view, outcome, found, settings)
    else:
        if name in distances:
            rows = cached.residual_distributions(
                view.workspace, view.run.id, outcome=outcome, settings=settings
            ).rows
        key = f"reliance {title(outcome.name)} {name}"
        service_gaps.show(view, rows, prefix + name, offered[name], key=key)
    if name in LOSSES:
        _bound(rows, prefix + LOSSES[name])
    _calibration(outcome, found)
    service_gaps.notes(found.section.notes)


def _bound(rows: pd.DataFrame, metric: str) -> None:
    """Whether the model's loss is small enough for every group."""
    for row in rows[rows["metric"] == metric].itertuples():
        st.markdown(markdown_text(bound_sentence(row), limit=300))
        service_gaps.definition(metric)


def _parity(view: View, outcome: Outcome, found: PredictedService, settings: AuditSettings) -> None:
    """Promises kept for the same order, beside those kept as it is."""
    section, reason = service_gaps.ask(
        service_cached.residual_parity, view.workspace, view.run.id, outcome=outcome, settings=settings
    )
    if not section:
        blocks.waiting(markdown_text(reason, limit=300))
        return
    metric, measure = f"{outcome.name}_{PARITY}", parity_measure(outcome.unit)
    rows = pd.concat([section.rows, found.section.rows], ignore_index=True)
    beside = about_service.beside_sentence(
        rows, metric, f"{outcome.name}_{RESIDUAL}", measure, words="With nothing held equal"
    )
    key = f"reliance {title(outcome.name)} {PARITY}"
    service_gaps.show(view, section.rows, metric, measure, key=key, more=beside)
    service_gaps.notes(section.notes)


def _calibration(outcome: Outcome, found: PredictedService) -> None:
    bins, said = found.bins[0], about_service.calibration_sentence(found.off_line[0])
    blocks.section("What predictions say, and what came", said)
    if bins.empty:
        return
    users = bins.groupby("group", sort=False)["n"].sum()
    drawn = bins[bins["group"].isin(users.nlargest(MOST_DRAWN).index)]
    name = title(outcome.name).lower()
    service_gaps.definition("calibration_intercept", "calibration_slope")
    blocks.chart(
        calibration_figure(
            drawn,
            _styles(found.section.rows),
            x_title=f"predicted {name}, {outcome.unit}",
            y_title="observed",
            form=form_of(outcome.unit),
        ),
        key=f"calibration-{outcome.name}",
        alt=f"Observed against predicted {name} of each group. {said}",
        reading="Each group's predictions are sorted into bins of about equally many; a dot is a bin's mean prediction and "
        "mean outcome, with its 95 % interval. On the dashed line they agree; below it the model predicted too much.",
    )
    if len(users) > MOST_DRAWN:
        st.caption(f"The {MOST_DRAWN} groups with the most users are drawn; the table has all {len(users)}.")
    fold(lambda: blocks.table(bins, name=f"calibration of {title(outcome.name)}"), key="calibration")


def _styles(rows: pd.DataFrame):
    return group_styles(list(dict.fromkeys(rows.loc[rows["group"] != ALL, "group"])))


def _hidden(rows: pd.DataFrame) -> tuple[str, ...]:
    return tuple(dict.fromkeys(rows.loc[rows["suppressed"].astype(bool), "group"]))
