"""Explanations as one JSON object each, and as text for a shell."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from core.data.dataset import table
from core.errors import NotFound
from core.fairness.rows import records
from core.figures import about_explanations as about
from core.figures.text import plain, unmarked
from core.progress import Progress, quiet
from core.schema.settings import AuditSettings, Statistics
from core.schema.tables import ITEM_ID, RANK, TIMESTAMP, USER_ID
from core.store.workspace import Workspace
from core.workflow.explaining.asking import Asking, subjects_of
from core.workflow.explaining.by_groups import weights_by_group, weights_of
from core.workflow.explaining.case import explain_case, rows_of_user
from core.workflow.explaining.gaps import why_gap
from core.workflow.explaining.item import why_item
from core.workflow.explaining.kept import MARKS, explain_model, explanation_table, find_explanation
from core.workflow.runs import load_run

Told = tuple[dict[str, Any], str]
MOST_LINES = 15


@dataclass(frozen=True)
class Person:
    """A user as the shop knows them: id, and the code of this dataset."""

    id: str
    code: int


def person(workspace: Workspace, run_id: str, user_id: str) -> Person:
    """The user of that id; NotFound where there is none."""
    run = load_run(workspace, run_id)
    asking = Asking(workspace, run)
    return Person(
        user_id, _place(table(workspace, asking.dataset, "users", [USER_ID])[USER_ID], user_id, "user")
    )


def told_subjects(workspace: Workspace, run_id: str) -> Told:
    """What of a run can be explained, and what has been."""
    run = load_run(workspace, run_id)
    models = [
        {"model": name, "title": title, "explained": find_explanation(workspace, run, name) is not None}
        for name, title in subjects_of(run).items()
    ]
    lines = [
        f"{one['model']:<28} {one['title']}{' (explained)' if one['explained'] else ''}" for one in models
    ]
    nothing = "Another system made these lists: only gaps can be explained (--gap)."
    return {"run": run.id, "models": models}, "\n".join(lines) or nothing


def told_model(
    workspace: Workspace,
    run_id: str,
    name: str,
    *,
    settings: AuditSettings | None,
    progress: Progress = quiet,
) -> Told:
    """A model as a whole; with settings, also by their first grouping."""
    explained = explain_model(workspace, run_id, name, progress=progress)
    weights = weights_of(workspace, explained, Statistics())
    marks = explanation_table(workspace, explained, MARKS)
    unit = about.unit_of(explained.unit)
    answer = explained.model_dump(
        mode="json", exclude={"tables", "created_at", "id", "seconds", "features", "subject"}
    )
    answer |= {"model": name, "features": _rows(weights), "marks": _rows(marks)}
    said = [
        about.importance_sentence(weights, title=explained.title, unit=unit),
        about.marks_sentence(marks),
        about.completeness_sentence(
            users=explained.users,
            incomplete=explained.incomplete,
            worst=explained.worst_error,
            allowed=explained.allowed,
            unit=unit,
        ),
    ]
    if settings is not None:
        rows = weights_by_group(workspace, explained, settings)
        answer["groups"] = records(rows)
        said.append(about.group_sentence(rows, by=settings.by[0]))
    lines = [
        f"{plain(row.feature, limit=48):<48} {unit.amount(row.value):>9}  {100 * row.share:5.1f} %"
        for row in weights.head(MOST_LINES).itertuples()
    ]
    return answer, "\n".join([*(unmarked(one) for one in said), "", *lines])


def told_case(workspace: Workspace, run_id: str, name: str, user: Person) -> Told:
    """The latest prediction of a user, or of the first product of the list, taken apart."""
    asking = Asking(workspace, load_run(workspace, run_id))
    rows = rows_of_user(asking, name, user.code)
    row = rows.sort_values(RANK).iloc[[0]] if RANK in rows else rows.sort_values(TIMESTAMP).iloc[[-1]]
    case = explain_case(asking, name, row)
    unit, level = about.unit_of(case.unit), about.level_of(case.unit)
    numbers = {each: getattr(case, each) for each in ("output", "expected", "error", "allowed", "complete")}
    answer = {"run": run_id, "model": name, "title": case.title, "unit": case.unit, "user": user.id}
    answer |= numbers | {"parts": _rows(case.parts)}
    lines = [
        f"{plain(part.feature, limit=48):<48} {unit.form(part.value):>10}"
        for part in case.parts.head(MOST_LINES).itertuples()
    ]
    sentence = about.case_sentence(case, unit=unit, level=level)
    return answer, "\n".join([unmarked(sentence), "", *lines])


def told_item(workspace: Workspace, run_id: str, user: Person, item_id: str, *, k: int) -> Told:
    """Why a product stands in a user's list."""
    asking = Asking(workspace, load_run(workspace, run_id))
    why = why_item(asking, user.code, _place(asking.items[ITEM_ID], item_id, "item"), k=k)
    ids = asking.items[ITEM_ID]
    removal = why.removal and {
        "items": [str(ids.iloc[one]) for one in why.removal.parts],
        "smallest": why.removal.smallest,
        "asked": why.removal.asked,
    }
    history = why.history.assign(item=[str(ids.iloc[one]) for one in why.history["item"]])
    answer = {
        "run": run_id,
        "user": user.id,
        "item": item_id,
        "title": why.title,
        "k": k,
        "place": why.place,
        "score": why.score,
        "bought_before": why.again,
        "place_without_itself": why.itself,
        "parts": _rows(why.parts),
        "history": _rows(history),
        "products": why.products,
        "looked_at": why.looked_at,
        "removal": removal,
        "similar": None if why.similar is None else vars(why.similar),
    }
    said = [*about.item_sentences(why), about.similar_sentence(why.similar)]
    parts = about.parts_table(why.parts)
    lines = [f"{part:<48} {adds:>8}" for part, adds in zip(parts["Part"], parts["Adds"], strict=True)]
    return answer, "\n".join([*(unmarked(one) for one in said), "", *lines])


def told_gap(workspace: Workspace, run_id: str, measure: str, settings: AuditSettings) -> Told:
    """What a gap is made of."""
    found = why_gap(workspace, run_id, settings, measure=measure)
    effective = {group: value if np.isfinite(value) else None for group, value in found.effective.items()}
    answer = {
        "run": run_id,
        "metric": found.metric,
        "causes": list(found.causes),
        "users": found.users,
        "rows": records(found.rows),
        "effective_users": effective,
        "notes": list(found.notes),
    }
    rows = about.gap_part_rows(found.rows, found.metric)
    shown = dict.fromkeys(rows.loc[~rows["suppressed"].astype(bool), "group"])
    said = [about.gap_sentence(rows, group=group, metric=found.metric) for group in shown]
    return answer, "\n".join([*(unmarked(one) for one in said), *found.notes])


def _place(ids: pd.Series, wanted: str, what: str) -> int:
    found = np.flatnonzero(ids.to_numpy(str) == wanted)
    if not len(found):
        raise NotFound(f"There is no {what} '{wanted[:60]}' in these data.")
    return int(found[0])


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Plain Python values, None where there is no number."""
    return frame.astype(object).where(frame.notna(), None).to_dict("records")
