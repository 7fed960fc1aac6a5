"""Why a run has nothing to show of one of its further models: never an empty space without a reason."""

from collections.abc import Sequence

from core.figures.text import markdown_text, spoken
from core.schema.documents import Dataset, Run


def trained_with(run: Run, model: str) -> bool:
    """Whether the run was asked for this further model, so that what is missing is in the data."""
    return model in run.settings.get("models", ())


def absence_sentence(
    run: Run, dataset: Dataset, *, model: str, reports: Sequence[str], needs: Sequence[str] = ()
) -> str:
    """Markdown: what the model itself says, else that it was not trained, else what the data lack.

    Args:
        model: its name in the setting `models`. reports: its names among the run's reports.
        needs: analyses of `Dataset.missing` that it could rest on.
    """
    notes = [note for name in reports if name in run.reports for note in run.reports[name].notes]
    if notes:
        return " ".join(markdown_text(note, limit=500) for note in dict.fromkeys(notes))
    lacking = [dataset.missing[name] for name in needs if name in dataset.missing]
    wanted = markdown_text(" or ".join(lacking), limit=300)
    if run.brought:
        could = (
            f"A model would need {wanted}."
            if needs and len(lacking) == len(needs)
            else "Train a model to have it."
        )
        return f"Another system made these lists, and nothing was trained here that could tell. {could}"
    if "models" not in run.settings:
        return "This run was made before there were such models. Train again to have them."
    if not trained_with(run, model):
        return f"This run was trained without the model *{spoken(model).lower()}*. Choose it under Train."
    if lacking:
        return f"These data do not tell: it needs {wanted}."
    return "The run keeps nothing of it."
