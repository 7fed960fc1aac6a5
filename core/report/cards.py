"""The data card and the model card of a report."""

import pandas as pd

from core.figures import model_card as cards
from core.figures.about_data import split_sentence
from core.figures.about_saved import compared_sentence, worse_sentence
from core.figures.model_card_text import model_sentence, training_lines
from core.figures.text import unmarked
from core.report import contents
from core.schema.documents import Dataset, Run
from core.schema.settings import AuditSettings
from core.store.workspace import Workspace
from core.workflow.comparing import beside_baselines
from core.workflow.describing import group_sizes
from core.workflow.policies.compared import comparison_with_former

METRICS = ("ndcg@10", "recall@20")


def data_card(workspace: Workspace, dataset: Dataset, settings: AuditSettings) -> contents.DataCard:
    """The data card, with the groups that the audit compares.

    Raises:
        NotFound: no such attribute.
    """
    return contents.DataCard(
        dataset=dataset.id,
        name=dataset.name,
        source=dataset.source,
        prepared_at=dataset.created_at,
        period=dataset.period,
        split=split_sentence(dataset),
        counts=dataset.counts,
        attributes=dataset.attributes,
        protected=dataset.protected,
        groups=[
            group
            for by in settings.by
            for group in _groups(group_sizes(workspace, dataset, by, bins=settings.bins), by)
        ],
        cleaning=dataset.quality,
        notes=dataset.notes,
        cannot_support=dataset.missing,
        settings=dataset.settings,
        tables=dataset.tables,
    )


def _groups(sizes: pd.DataFrame, by: tuple[str, ...]) -> list[contents.Group]:
    return [
        contents.Group(
            attribute=" × ".join(by),
            group=row.group,
            users=None if row.suppressed else int(row.users),
            judged=None if row.suppressed else int(row.test_users),
            hidden=bool(row.suppressed),
        )
        for row in sizes.itertuples()
    ]


def model_card(workspace: Workspace, run: Run, dataset: Dataset) -> contents.ModelCard:
    """The model card, with the recommender beside its plain rules on test."""
    accuracy = {metric: beside_baselines(workspace, run, metric=metric) for metric in METRICS}
    card = cards.model_card(run, dataset, accuracy)
    return contents.ModelCard(
        run=run.id,
        name=run.name,
        made_at=run.created_at,
        brought=run.brought,
        training=[
            *(unmarked(line) for line in training_lines(card)[: None if run.brought else -1]),
            *_beside_the_former(workspace, run),
        ],
        settings=run.settings,
        models=[_model(model) for model in card.models],
        artefacts=run.artefacts,
    )


def _beside_the_former(workspace: Workspace, run: Run) -> list[str]:
    """How the run compares with the one that it follows, where that was kept."""
    found = comparison_with_former(workspace, run)
    if found is None:
        return []
    said = [f"Beside {found.old}, which it follows: {compared_sentence(found)}", worse_sentence(found)]
    return [unmarked(sentence) for sentence in said if sentence] + found.notes


def _model(model: cards.CardModel) -> contents.CardModel:
    return contents.CardModel(
        title=model.title,
        what=model.what,
        sentence=unmarked(model_sentence(model)),
        metrics=[
            contents.CardMetric(
                title=metric.title,
                better=metric.better,
                model=metric.value,
                best_rule=metric.best,
                rule=metric.rules[metric.best] if metric.best else None,
                difference=metric.difference,
                shown=metric.verdict,
            )
            for metric in model.metrics
        ],
        notes=list(model.notes),
    )
