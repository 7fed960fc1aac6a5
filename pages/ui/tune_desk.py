"""Knobs at the left, the answer at the right: one fragment, so that a moved knob redraws nothing else."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.errors import EvenhandError, InputError, NotFound, SettingsError
from core.figures import about_policy, about_saved
from core.figures.text import markdown_text, plain, spoken
from core.schema.policies import PolicySettings
from core.schema.settings import AuditSettings
from core.workflow.policies.consequences import gains_and_losses
from core.workflow.policies.frontier import of_length
from core.workflow.policies.ground import Ground, item_dimensions
from core.workflow.policies.named import lacking
from core.workflow.policies.presets import presets
from core.workflow.policies.saved import load_policy, settings_of
from core.workflow.policies.serving import servings
from core.workflow.policies.yardsticks import NDCG
from pages.ui import (
    blocks,
    cached_tuning,
    choices,
    exposure_choices,
    tune_answer,
    tune_knobs,
    tune_state,
)
from pages.ui.shell import View

RESAMPLED = (
    5000  # users of a group; intervals of larger ones are normal, so that a moved knob answers at once
)
MODEL = "the lists as the model made them"


def show(view: View) -> None:
    """The whole desk, and its answer in one line at the foot of the window: there no knob hides it on a narrow screen."""
    _desk(view, st.bottom.empty())


@st.fragment
def _desk(view: View, foot: DeltaGenerator) -> None:
    """What a moved knob draws again."""
    tuner = cached_tuning.tuner(view.workspace, view.run.id, k=view.k)
    dimensions = item_dimensions(tuner.ground.shop)
    if not dimensions:
        blocks.waiting(
            "The items of these data have nothing to group them by: no brand, seller, category or price."
        )
        return
    _carried(view, tuner.ground)
    left, right = st.columns([1, 2.4], gap="large")
    with left:
        settings = _looked_at(view, dimensions)
        _presets(view, settings)
        _history()
        tune_state.moved(tune_knobs.policy(view, tuner.ground))
        tune_knobs.add_step(view, tuner.ground)
        before = _compared_with(view)
        _snapshots()
    after = tune_state.current()
    tune_state.publish()
    with right:
        try:
            found = cached_tuning.consequences(
                view.workspace, view.run.id, before=before, after=after, settings=settings
            )
        except (InputError, NotFound, SettingsError) as refused:
            foot.empty()
            _impossible(refused)
            return
        stages = cached_tuning.applied(view.workspace, view.run.id, policy=after).stages
        tune_answer.show(view, found, stages, foot)
        _side_by_side(view, before, settings)


def _carried(view: View, ground: Ground) -> None:
    """That the steps come from a policy of another run, and what of it these data do not have."""
    policy = tune_state.carried(view.workspace, view.run)
    if policy is None:
        return
    missing = lacking(settings_of(policy), ground)
    said = about_saved.carried_sentence(policy, missing, runs={run.id: run for run in view.runs})
    (st.warning if missing else st.info)(said, icon=":material/move_down:")


def _impossible(refused: EvenhandError) -> None:
    """These data do not allow a step, such as one of a link or of a policy that was saved for others."""
    blocks.waiting(markdown_text(str(refused), limit=300))
    st.button(
        "Begin anew without steps", key="tune-anew", icon=":material/restart_alt:", on_click=tune_state.reset
    )


def _looked_at(view: View, dimensions: tuple[str, ...]) -> AuditSettings:
    """Whose attention is held against what."""
    items_by = choices.choose("items", "Products grouped by", dimensions, default=dimensions[0], words=spoken)
    target = choices.choose(
        "target",
        "Each group should get",
        list(exposure_choices.TARGETS),
        default="catalogue",
        words=exposure_choices.TARGETS.get,
    )
    return view.settings(items_by=items_by, target=target, resample_up_to=RESAMPLED)


def _presets(view: View, settings: AuditSettings) -> None:
    tuner = cached_tuning.tuner(view.workspace, view.run.id, k=view.k)
    worst = _worst(view, settings)
    offered = {one.aim: one for one in presets(tuner.ground, view.by, worst=worst, bins=view.bins)}

    def load() -> None:
        aim = st.session_state[f"tune-preset-{tune_state.turn()}"]
        if aim:
            tune_state.put_steps(offered[aim].steps)

    st.selectbox(
        "Begin with an aim",
        list(offered),
        index=None,
        key=f"tune-preset-{tune_state.turn()}",
        placeholder="choose an aim",
        format_func=lambda aim: aim,
        on_change=load,
        help="Replaces the steps below by one that serves this aim. It begins mildly: on the built-in data for at most 2 % of "
        "accuracy. The answer at the right says what it costs here, and its knobs go further",
    )


def _worst(view: View, settings: AuditSettings) -> str | None:
    """The group whose lists are least accurate before anything is done; not Unknown."""
    model = cached_tuning.measured(
        view.workspace, view.run.id, policy=PolicySettings(k=view.k), settings=settings
    )
    rows = model.gaps
    rows = rows[
        (rows["metric"] == f"{NDCG}@{view.k}_gap") & ~rows["suppressed"] & (rows["group"] != "Unknown")
    ]
    return None if rows.empty else str(rows.loc[rows["value"].idxmin(), "group"])


def _history() -> None:
    with st.container(horizontal=True, gap="small"):
        for name, icon, act, can in (
            ("Undo", "undo", tune_state.undo, tune_state.can_undo()),
            ("Redo", "redo", tune_state.redo, tune_state.can_redo()),
            ("Reset", "restart_alt", tune_state.reset, bool(tune_state.current().steps)),
        ):
            st.button(
                name,
                key=f"tune-{name}",
                icon=f":material/{icon}:",
                type="tertiary",
                on_click=act,
                disabled=not can,
            )


def _compared_with(view: View) -> PolicySettings:
    """What the policy is held against."""
    kept = tune_state.kept()
    options = {MODEL: PolicySettings(k=view.k)} | _published(view)
    options |= {f"snapshot {letter}": policy for letter, policy in kept.items()}
    chosen = choices.choose("against", "Compare with", list(options), default=MODEL, words=lambda name: name)
    return options[chosen]


def _published(view: View) -> dict[str, PolicySettings]:
    """What the shop is served now, if it is made of the candidates of the run that is looked at."""
    now = next(iter(servings(view.workspace, view.dataset.id, limit=1)), None)
    if now is None:
        return {}
    policy = load_policy(view.workspace, now.policy)
    if policy.run != view.run.id:
        return {}
    return {f"published: {plain(policy.reference)}": of_length(settings_of(policy), view.k)}


def _snapshots() -> None:
    """Keep what stands under a letter, to come back to or to hold side by side."""
    kept = tune_state.kept()
    with st.container(horizontal=True, gap="small"):
        for letter in tune_state.LETTERS:
            st.button(
                f"Keep as {letter}" if letter not in kept else f"Replace {letter}",
                key=f"tune-keep-{letter}",
                type="tertiary",
                icon=":material/bookmark_add:" if letter not in kept else ":material/bookmark:",
                on_click=tune_state.keep,
                args=(letter,),
                help=about_policy.policy_words(kept[letter]) if letter in kept else "Remember these settings",
            )


def _side_by_side(view: View, before: PolicySettings, settings: AuditSettings) -> None:
    kept = tune_state.kept()
    if not kept:
        return
    blocks.section("Snapshots side by side")
    told = {}
    for letter, policy in {**kept, "now": tune_state.current()}.items():
        found = cached_tuning.consequences(
            view.workspace, view.run.id, before=before, after=policy, settings=settings
        )
        told[letter] = policy, found.changes, found.after, gains_and_losses(found), found.moved
    blocks.table(about_policy.snapshot_table(told, k=view.k), name="snapshots side by side")
    with st.container(horizontal=True, gap="small"):
        for letter, policy in kept.items():
            st.button(
                f"Load {letter}",
                key=f"tune-load-{letter}",
                icon=":material/restore_page:",
                on_click=tune_state.put,
                args=(policy,),
            )
            st.button(
                f"Forget {letter}",
                key=f"tune-forget-{letter}",
                type="tertiary",
                on_click=tune_state.forget,
                args=(letter,),
            )
