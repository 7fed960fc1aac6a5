"""Who answers at all: response rates by group, and what weighting for those who do not answer changes."""

from core.figures.about_service import answers_sentence, named_means
from core.figures.claims import Claim, claims_figure
from core.figures.groups import group_styles
from core.figures.numbers import decimal
from core.figures.service_measures import ANSWERS
from core.schema.settings import ALL
from core.workflow.audits.orders import ANSWERED
from core.workflow.audits.section import Section
from pages.ui import blocks, service_gaps
from pages.ui.shell import View

CLAIMS = (
    Claim("naive_mean", "mean of the answers", open=True),
    Claim("weighted_mean", "weighted for who answers", open=False),
)


def show(view: View, found: Section) -> None:
    """Response, then the means with and without weights."""
    rows = found.rows
    said = answers_sentence(rows)
    blocks.section("Who answers at all", said)
    told = set(rows["metric"])
    metric = service_gaps.choose(
        "Measured by",
        "answers",
        {name: measure.title for name, measure in ANSWERS.items() if f"{name}_gap" in told},
    )
    service_gaps.definition(metric)
    service_gaps.show(view, rows, metric, ANSWERS[metric], key="answers")
    means = named_means(rows, ANSWERED, [claim.name for claim in CLAIMS])
    if len(means):
        groups = list(dict.fromkeys(rows.loc[rows["group"] != ALL, "group"]))
        blocks.chart(
            claims_figure(means, group_styles(groups), CLAIMS, x_title="satisfaction, points", form=decimal),
            key="answers-means",
            alt=f"Mean satisfaction of each group, plain and weighted for who answers. {said}",
            reading="An open dot is the mean of those who answered, a full one that of all customers if answering depended "
            "on nothing but what is known of the order. Where the two lie apart, who answers matters.",
        )
    service_gaps.notes(found.notes)
