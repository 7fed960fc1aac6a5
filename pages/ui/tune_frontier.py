"""The frontier: accuracy against a disparity for every re-ranker and its knob; click a point to load it, confirm it once."""

from collections.abc import Callable

import pandas as pd
import streamlit as st

from core.figures import about_frontier as about
from core.figures.about_policy import policy_words
from core.figures.frontier import frontier_figure, outside
from core.figures.layout import CONFIG, themed
from core.figures.numbers import moment
from core.figures.sentences import plural
from core.figures.text import markdown_text, spoken, unmarked
from core.jobs.queue import jobs as latest_jobs
from core.schema.documents import Confirmation, Frontier, Job
from core.schema.policies import PolicySettings
from core.schema.settings import AuditSettings
from core.store.workspace import Workspace
from core.workflow.policies.confirmation import confirm, confirmations
from core.workflow.policies.frontier import find_frontier, of_length, resolved, settled
from core.workflow.policies.ground import item_dimensions
from core.workflow.policies.levels import levels, way
from core.workflow.policies.standing import comparisons, disparities, points_table, policy_of, standing
from core.workflow.policies.yardsticks import NDCG
from pages.ui import blocks, cached, cached_tuning, choices, exposure_choices, jobs
from pages.ui.shell import View

Load = Callable[[PolicySettings], None]
CHART, POINT, CONFIRMED = "frontier-chart", "frontier-point", "frontier-confirmed"
AGAINST = {"model": "the lists as the model made them", "current": "the current policy"}


@st.cache_data(max_entries=16, show_spinner="Reading the frontier …")
def numbers(_workspace: Workspace, frontier_id: str, _found: Frontier) -> pd.DataFrame:
    return points_table(_workspace, _found)


@st.cache_data(
    max_entries=64, show_spinner="Placing the current policy …", hash_funcs=cached_tuning.BY_CONTENT
)
def placed(
    _workspace: Workspace,
    run_id: str,
    *,
    policy: PolicySettings,
    against: PolicySettings,
    settings: AuditSettings,
) -> pd.DataFrame:
    """The numbers of a policy that is no point."""
    by = cached_tuning.yardsticks(_workspace, run_id, settings=settings)
    made = [cached_tuning.applied(_workspace, run_id, policy=one) for one in (against, policy)]
    ways = [way(by, one.candidates.lists(settings.k)) for one in made]
    found = levels(by, ways, settings)
    return found[found["way"] == 1].set_index("measure")


def show(view: View, current: PolicySettings, load: Load) -> None:
    """The answer, the picture, the chosen point, and the confirmation on test.

    Args:
        current: for lists as long as the view's. load: takes over the policy of a point; called in a callback.
    """
    blocks.section("The frontier: what can be had at which accuracy")
    settings = _settings(view)
    if settings is None:
        return
    current = of_length(current, view.k)
    against = _against(view, current)
    found = find_frontier(view.workspace, view.run, settings, against)
    if found is None:
        _not_yet(view, settings, against)
        return
    _told(view, found, current, load)


def _settings(view: View) -> AuditSettings | None:
    """As the knobs of the page look at products; None, with the reason shown, where there can be no frontier."""
    if not view.by:
        blocks.waiting(
            "The frontier holds accuracy against gaps between groups, and these data name no user attributes."
        )
        return None
    if "candidates_validation" not in view.run.artefacts:
        blocks.waiting(
            "Another system made these lists, for the test split alone. Policies are chosen on the validation split, so "
            "there is nothing to choose by."
        )
        return None
    dimensions = item_dimensions(cached.shop(view.workspace, view.dataset.id))
    if not dimensions:
        blocks.waiting("The items of these data have nothing to group them by.")
        return None
    items_by, target = exposure_choices.looked_at(dimensions)
    return settled(view.settings(items_by=items_by, target=target), items_by)


def _against(view: View, current: PolicySettings) -> PolicySettings:
    """What all points are held against: asked for where there is more than one answer."""
    plain = PolicySettings(k=view.k)
    if not current.steps:
        return plain
    chosen = choices.choose(
        "frontier_against", "Every setting against", list(AGAINST), default="model", words=AGAINST.get
    )
    return current if chosen == "current" else plain


def _not_yet(view: View, settings: AuditSettings, against: PolicySettings) -> None:
    """Where a frontier comes from: the button, its progress, or why it failed."""
    params = {
        "run": view.run.id,
        "settings": settings.model_dump(mode="json"),
        "against": against.model_dump(mode="json"),
    }
    last = _last_job(view, params)
    if last is not None and last.state in ("queued", "running"):
        st.info(
            "The frontier is being computed; its progress stands at the top of the page.",
            icon=":material/hourglass_empty:",
        )
        return
    if last is not None and last.state == "failed":
        st.error(markdown_text(last.error or "", limit=600), icon=":material/error:")
    who = "the model's own lists" if not against.steps else "the current policy"
    blocks.waiting(
        f"Not computed yet for groups by {markdown_text(' and '.join(view.by))}, products by "
        f"{markdown_text(spoken(settings.items_by).lower())} and top {view.k}, against {who}. Every re-ranker is tried at "
        "up to eight positions of its knob, on the validation split."
    )
    if st.button(
        "Compute the frontier", key="frontier-compute", type="primary", icon=":material/scatter_plot:"
    ):
        jobs.start(view.workspace, "frontier", params)
        st.rerun()


def _last_job(view: View, params: dict) -> Job | None:
    """The last job that was asked the same."""
    asked = (job for job in latest_jobs(view.workspace) if job.kind == "frontier" and job.params == params)
    return next(asked, None)


def _told(view: View, found: Frontier, current: PolicySettings, load: Load) -> None:
    """No fragment: a point that is loaded leads to another part of the page."""
    measures = disparities(found)
    measure = choices.choose(
        "frontier_measure",
        "Disparity",
        measures,
        default=measures[0],
        words=lambda name: about.measure_of(name).name,
    )
    table = numbers(view.workspace, found.id, found)
    rows = standing(found, table, measure)
    if rows["disparity"].isna().iloc[0]:
        blocks.waiting("Fewer than two groups have enough users for this disparity; another one may be told.")
        return
    against = PolicySettings.model_validate(found.against)
    who = about.CURRENT_POLICY if against.steps else about.MODEL_LISTS
    answer = about.answer(rows, measure=measure, k=view.k)
    with st.container(border=True):
        st.markdown(answer)
        st.caption(about.counts(rows, tests=comparisons(rows), buyers=found.buyers, against=who))
        for sentence in about.left_out_sentences([one.model_dump() for one in found.left_out]):
            st.caption(sentence)
    place = None if _same(current, against) else _place(view, found, table, current, measure)
    _picture(rows, answer, measure=measure, k=view.k, who=who, place=place, load=_clicked(found, load))
    _point(view, found, rows, current, measure, who, load)
    with st.expander("Numbers and download", icon=":material/table_rows:"):
        blocks.table(
            rows.assign(setting=[about.point_words(row, current=who) for row in rows.to_dict("records")]),
            name=f"frontier {measure}",
            shown=about.frontier_table(rows, measure=measure, k=view.k, current=who),
        )
    _log(view, measure)


def _place(
    view: View, found: Frontier, table: pd.DataFrame, current: PolicySettings, measure: str
) -> tuple[float, float] | None:
    """Change of NDCG and disparity of the current policy: from the table where it is a point, else measured now."""
    settings = AuditSettings.model_validate(found.settings)
    ndcg = f"{NDCG}@{view.k}"
    point = next((n for n in range(len(found.points)) if _same(policy_of(found, n), current)), None)
    if point is not None:
        told = table[table["point"] == point].set_index("measure")
    else:
        told = blocks.asked(
            placed,
            view.workspace,
            view.run.id,
            policy=current,
            against=PolicySettings.model_validate(found.against),
            settings=settings,
        )
    return None if told is None else (told.loc[ndcg, "change"], told.loc[measure, "value"])


def _same(one: PolicySettings, other: PolicySettings) -> bool:
    return resolved(one) == resolved(other)


def _clicked(found: Frontier, load: Load) -> Callable[[], None]:
    """What a click on the picture does; a selection that goes away does nothing."""

    def clicked() -> None:
        points = st.session_state[CHART].selection.points
        if points and "customdata" in points[0]:
            chosen = int(points[0]["customdata"][0])
            st.session_state[POINT] = chosen
            load(policy_of(found, chosen))

    return clicked


def _picture(
    rows: pd.DataFrame,
    answer: str,
    *,
    measure: str,
    k: int,
    who: str,
    place: tuple[float, float] | None,
    load: Callable[[], None],
) -> None:
    drawn = frontier_figure(rows, measure=measure, k=k, against=who, current=place)
    st.plotly_chart(
        themed(drawn, dark=st.context.theme.type == "dark"),
        key=CHART,
        config=CONFIG,
        alt=unmarked(f"Accuracy against a disparity, a point for each setting. {answer}"),
        on_select=load,
        selection_mode="points",
    )
    beyond = outside(rows)
    more = (
        f" {plural(beyond, 'setting')} that cost more for less lie outside of the picture; the table has them."
        if beyond
        else ""
    )
    blocks.how_to_read(
        "Right is more accurate, down is fairer. Faint: another setting is at least as good in both. Whiskers: 95 % interval "
        "of the change on the same users. Shaded: neither change can be told from chance. A range of noisy means is above "
        f"zero also without any disparity: the dashed line says how far. Click a point to load it.{more}"
    )


def _point(
    view: View,
    found: Frontier,
    rows: pd.DataFrame,
    current: PolicySettings,
    measure: str,
    who: str,
    load: Load,
) -> None:
    """The chosen point: what it changes, and what can be done with it."""
    ordered = rows.sort_values(["dominated", "ndcg"], ascending=[True, False])["point"].tolist()
    names = {row["point"]: about.point_words(row, current=who) for row in rows.to_dict("records")}
    if st.session_state.get(POINT) not in ordered:
        st.session_state[POINT] = ordered[0]
    chosen = st.selectbox(
        "Setting",
        ordered,
        key=POINT,
        format_func=names.get,
        help="Those that no other beats come first, the most accurate at the top",
    )
    policy = policy_of(found, chosen)
    row = rows.set_index("point").loc[chosen]
    st.markdown(about.point_sentence(row, measure=measure, k=view.k))
    is_current = _same(policy, current)
    other = PolicySettings(k=view.k) if is_current else current
    with st.container(horizontal=True):
        st.button(
            "Load it",
            key="frontier-load",
            type="primary",
            icon=":material/tune:",
            on_click=load,
            args=(policy,),
            disabled=is_current,
        )
        asked = st.button(
            "Confirm it on the test split",
            key="frontier-confirm",
            icon=":material/verified:",
            disabled=_same(policy, other),
            help=f"Measures this setting and {_who(other)} on test, once. It is logged and counted: never choose by it",
        )
    if asked:
        _confirm(view, policy, other, AuditSettings.model_validate(found.settings))


def _who(policy: PolicySettings) -> str:
    return AGAINST["current" if policy.steps else "model"]


def _confirm(view: View, policy: PolicySettings, other: PolicySettings, settings: AuditSettings) -> None:
    shop = cached.shop(view.workspace, view.dataset.id)
    with st.spinner("Measuring on test …"):
        found = blocks.asked(confirm, view.workspace, view.run, shop, policy, settings, other)
    if found is not None:
        st.session_state[CONFIRMED] = found.id


def _log(view: View, measure: str) -> None:
    """What the last press found, and all presses for this run."""
    logged = confirmations(view.workspace, view.run.id)
    if not logged:
        st.caption("This run's policies have never been confirmed on the test split.")
        return
    shown = next((one for one in logged if one.id == st.session_state.get(CONFIRMED)), None)
    if shown is not None:
        _confirmed(shown, measure)
    with st.expander(f"Confirmations on test: {len(logged)}", icon=":material/history:"):
        names = [
            tuple(
                unmarked(policy_words(PolicySettings.model_validate(one)))
                for one in (log.policy, log.against)
            )
            for log in logged
        ]
        found = [log.model_dump() for log in logged]
        blocks.table(about.confirmations_table(found, names, when=moment), name="confirmations on test")


def _confirmed(found: Confirmation, measure: str) -> None:
    policy, against = (PolicySettings.model_validate(one) for one in (found.policy, found.against))
    if not any(row["measure"] == measure for row in found.rows):
        return
    with st.container(border=True):
        st.markdown(
            about.confirmation_sentence(
                found.rows,
                number=found.number,
                measure=measure,
                k=found.settings["k"],
                against=policy_words(against).rstrip(".")[:1].lower() + policy_words(against).rstrip(".")[1:],
            )
        )
        st.caption(f"{policy_words(policy)} · {moment(found.created_at)} UTC")
