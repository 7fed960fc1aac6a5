"""Why a run has nothing to show of one of its further models: never an empty space without a reason."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.figures.text import markdown_text, spoken
from core.schema.documents import Dataset, Run


@dataclass(frozen=True)
class Absence:
    """Why there is nothing, in Markdown, and whether that lies in the data: then no training would help."""

    sentence: str
    in_data: bool


def absence(
    run: Run, dataset: Dataset, *, model: str, reports: Sequence[str], needs: Sequence[str] = ()
) -> Absence:
    """What the model itself says, else that it was not trained, else what the data lack.

    Args:
        model: its name in the setting `models`. reports: its names among the run's reports.
        needs: analyses of `Dataset.missing` that it could rest on, any of them.
    """
    trained = model in run.settings.get("models", ())
    notes = [note for name in reports if name in run.reports for note in run.reports[name].notes]
    if notes:
        return Absence(" ".join(markdown_text(note, limit=500) for note in dict.fromkeys(notes)), trained)
    lacking = [dataset.missing[name] for name in needs if name in dataset.missing]
    wanted = markdown_text(" or ".join(lacking), limit=300)
    if run.brought:
        hopeless = bool(needs) and len(lacking) == len(needs)
        could = f"A model would need {wanted}." if hopeless else "Train a model to have it."
        made = "Another system made these lists, and nothing was trained here that could tell."
        return Absence(f"{made} {could}", hopeless)
    if "models" not in run.settings:
        return Absence("This run was made before there were such models. Train again to have them.", False)
    if not trained:
        without = f"This run was trained without the model *{spoken(model).lower()}*. Choose it under Train."
        return Absence(without, False)
    return Absence(
        f"These data do not tell: it needs {wanted}." if lacking else "The run keeps nothing of it.", True
    )
