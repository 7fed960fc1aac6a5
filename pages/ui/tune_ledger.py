"""The ledger: what the data step, the training step and the re-ranking each closed of a gap, and at what price."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from core.figures import about_ledger
from core.figures.about_policy import policy_words
from core.figures.ledger import waterfall_figure
from core.figures.numbers import count, duration
from core.figures.text import plain, spoken, unmarked
from core.schema.documents import Run
from core.schema.policies import PolicySettings
from core.schema.settings import AuditSettings
from core.store.workspace import Workspace
from core.workflow.policies.chain import FIELDS, Chain, Missing, Steps, changed, find_chain, settings_of
from core.workflow.policies.ground import item_dimensions
from core.workflow.policies.ledger import GAP, PRICE, RERANKING, Ledger, ledger, own_lists
from core.workflow.policies.yardsticks import NDCG
from core.workflow.runs import load_run
from pages.ui import blocks, cached, cached_tuning, choices, exposure_choices, jobs
from pages.ui.shell import View

NAMED = {(): "plain", ("data",): "data step only"}


@st.cache_resource(max_entries=6, show_spinner="Reading the lists of earlier runs …")
def lists_of_run(_workspace: Workspace, run_id: str, *, k: int) -> np.ndarray:
    run = load_run(_workspace, run_id)
    return own_lists(_workspace, run, cached.shop(_workspace, run.dataset), k=k, split="validation")


@st.cache_data(max_entries=32, show_spinner="Taking the steps apart …", hash_funcs=cached_tuning.BY_CONTENT)
def book(
    _workspace: Workspace,
    runs: tuple[str, ...],
    steps: tuple[Steps, ...],
    *,
    policy: PolicySettings,
    settings: AuditSettings,
) -> Ledger:
    *before, shown = runs
    lists = [lists_of_run(_workspace, id, k=policy.k) for id in before]
    policies = (PolicySettings(k=policy.k), policy) if policy.steps else (policy,)
    for one in policies:
        lists.append(cached_tuning.applied(_workspace, shown, policy=one).candidates.lists(policy.k))
    return ledger(cached_tuning.yardsticks(_workspace, shown, settings=settings), lists, steps)


def show(view: View, policy: PolicySettings) -> None:
    """The answer, the waterfall, the table; then which runs would tell more.

    Args:
        policy: for lists as long as the view's.
    """
    blocks.section("The ledger: which step closed what, and its price")
    if not view.by:
        blocks.waiting("The ledger is of gaps between groups, and these data name no user attributes.")
        return
    if "candidates_validation" not in view.run.artefacts:
        blocks.waiting(
            "Another system made these lists: which steps led to them is not known, and there are none for the validation "
            "split, on which the ledger is kept. The test split is for the confirmation alone."
        )
        return
    dimensions = item_dimensions(cached.shop(view.workspace, view.dataset.id))
    if not dimensions:
        blocks.waiting("The items of these data have nothing to group them by.")
        return
    chain = find_chain(view.runs, view.run)
    steps = (*(link.steps for link in chain.links), *([(RERANKING,)] if policy.steps else []))
    items_by, target = exposure_choices.looked_at(dimensions)
    settings = view.settings(items_by=items_by, target=target)
    ids = tuple(run.id for run in chain.runs)
    found = blocks.asked(book, view.workspace, ids, steps, policy=policy, settings=settings)
    if found is not None:
        _told(view, chain, found, policy, settings)
    for missing in chain.missing:
        _offer(view, missing)


@st.fragment
def _told(view: View, chain: Chain, found: Ledger, policy: PolicySettings, settings: AuditSettings) -> None:
    """Runs by itself when another gap is chosen."""
    gaps = [name for name in about_ledger.GAPS if len(about_ledger.of(found.levels, GAP, name))]
    gap = choices.choose(
        "ledger_gap",
        "Gap",
        gaps,
        default=gaps[0],
        words=lambda name: spoken(about_ledger.GAPS[name]),
    )
    target = exposure_choices.TARGETS[settings.target]
    about = about_ledger.gap_words(gap, by=view.by, items_by=settings.items_by, target=target)
    buyers = about_ledger.of(found.levels, PRICE, NDCG)["n"].iloc[0]
    options = {"gap": gap, "currency": view.dataset.settings["currency"], "k": view.k}
    if found.changes.empty:
        answer = about_ledger.start_sentence(found.levels, gap=gap, about=about)
    else:
        answer = about_ledger.ledger_sentence(found.levels, found.changes, about=about, **options)
    with st.container(border=True):
        st.markdown(answer)
        st.caption(
            f"Validation split, {count(found.users)} users with a list, {count(buyers)} who bought, top {view.k}."
        )
        for note in _notes(chain, found, policy):
            st.caption(note)
    if found.changes.empty:
        return
    _waterfall(chain, found, gap, answer)
    blocks.table(
        about_ledger.full_table(found.levels, found.changes),
        name=f"ledger by {'-'.join(view.by)}",
        shown=about_ledger.ledger_table(
            found.levels,
            found.changes,
            done=_done(view.run, policy, found.changes["step"].unique()),
            **options,
        ),
    )


def _notes(chain: Chain, found: Ledger, policy: PolicySettings) -> list[str]:
    """What the numbers cannot tell, and why."""
    said = []
    if not chain.known:
        said.append("How these lists were trained is not known: the ledger begins with them.")
    if chain.untold:
        step = about_ledger.step_words("+".join(chain.untold))
        said.append(f"The {step} of this run cannot be told apart: the gap at first already holds it.")
    if chain.known and len(chain.runs) == 1 and not chain.untold:
        said.append(
            "This run is plain: no fairness before or in training. A run trained with some stands beside it here."
        )
    if not policy.steps:
        said.append("The policy has no steps: there is no re-ranking in the ledger yet.")
    if chain.gives_up_ranking:
        said.append(
            "Fairness in training leaves no second ranking, and popularity that does not follow what was bought lately; the "
            "run before may have both: giving them up is part of the training step."
        )
    if found.left_out:
        said.append(f"{count(found.left_out)} users without a list in some of the runs are left out.")
    return said


def _waterfall(chain: Chain, found: Ledger, gap: str, answer: str) -> None:
    levels, changes = (about_ledger.of(rows, GAP, gap) for rows in (found.levels, found.changes))
    steps = about_ledger.links(changes)
    level, change = about_ledger.UNITS[gap]
    first = f"Run {plain(chain.first.name, limit=36)}"
    between = [
        f"{spoken(about_ledger.step_words(row.step))} {change.form(row.change)}" for row in steps.itertuples()
    ]
    blocks.chart(
        waterfall_figure(
            levels,
            steps,
            [first, *between, "What is left"],
            title=spoken(about_ledger.GAPS[gap]) + (", to move" if gap == "attention_to_move" else ", gap"),
            level=level,
            change=change,
        ),
        key="ledger-waterfall",
        alt=f"Waterfall of the steps. {answer}",
        reading=about_ledger.reading(len(found.changes)),
    )


def _done(run: Run, policy: PolicySettings, steps: Sequence[str]) -> dict[str, str]:
    """By step, what was set."""
    own = settings_of(run)
    done = {RERANKING: unmarked(policy_words(policy))}
    for step in steps:
        parts = [part for part in step.split("+") if part in FIELDS and own is not None]
        if parts:
            done[step] = about_ledger.settings_words(
                {k: v for part in parts for k, v in changed(own, part).items()}
            )
    return done


def _offer(view: View, missing: Missing) -> None:
    """A run that would tell more, and the button that trains it."""
    own, wanted = settings_of(view.run).model_dump(), missing.settings.model_dump()
    differing = {name: value for name, value in wanted.items() if own[name] != value}
    said = about_ledger.missing_sentence(missing.steps, differing, run=view.run.name)
    with st.container(border=True):
        st.markdown(f":material/hourglass_empty: {said} It takes about {duration(view.run.seconds)}.")
        asked = st.button(
            "Train it",
            key=f"ledger-train-{NAMED[missing.steps]}",
            icon=":material/model_training:",
            disabled=view.busy,
            help="Another job is under way." if view.busy else None,
        )
    if asked:
        name = f"{plain(view.run.name, limit=40)}, {NAMED[missing.steps]}"
        settings = missing.settings.model_dump(mode="json")
        jobs.start(view.workspace, "train", {"dataset": view.dataset.id, "settings": settings, "name": name})
        st.rerun()
