"""The filters that all pages share: which data and model, which groups, how long a list."""

from collections.abc import Sequence
from datetime import date, timedelta

import streamlit as st

from core.figures.numbers import moment, score
from core.figures.text import plain, spoken
from core.schema.documents import Dataset, Run
from core.schema.settings import AuditSettings, Scope
from core.workflow.audits.shop import Shop
from pages.ui import links

KS = (5, 10, 20, 50)  # list lengths whose accuracy every run keeps
BINS = tuple(range(2, 13))
_ALONE = ""


def choose_data(datasets: Sequence[Dataset], runs: Sequence[Run]) -> tuple[Dataset | None, Run | None]:
    """A run with its dataset, or a dataset that has none yet; the newest run unless the link says otherwise."""
    named = {dataset.id: dataset for dataset in datasets}
    trained = {run.id: run for run in runs if run.dataset in named}
    with_runs = {run.dataset for run in trained.values()}
    options = [*trained, *(name for name in named if name not in with_runs)]
    several = len(named) > 1
    links.restore("run", options, options[0] if options else None)
    if not options:
        st.session_state.pop("run", None)
        return None, None
    chosen = st.selectbox(
        "Data and model",
        options,
        key="run",
        format_func=lambda id: (
            _run_label(trained[id], named[trained[id].dataset] if several else None)
            if id in trained
            else _dataset_label(named[id])
        ),
        persist_state="session",
        help="A trained run with its data, or data that has no run yet",
    )
    run = trained.get(chosen)
    return named[run.dataset if run else chosen], run


def _run_label(run: Run, dataset: Dataset | None) -> str:
    """A run in one line; with its data where there are several."""
    ndcg = run.metrics.get("test", {}).get("ndcg@10")
    data = [plain(dataset.name, limit=40)] if dataset else []
    return " · ".join([plain(run.name, limit=40), *data, moment(run.created_at), f"NDCG@10 {score(ndcg)}"])


def _dataset_label(dataset: Dataset) -> str:
    return f"{plain(dataset.name, limit=40)} · not trained yet"


def choose_groups(attributes: Sequence[str], preferred: Sequence[str]) -> tuple[str, ...]:
    """One attribute, or two crossed; in the link `by=age` or `by=age*income`. Empty if there are none."""
    if not attributes:
        return ()
    wanted = links.asked("by")
    if wanted is not None:
        parts = wanted.split("*")
        if len(parts) <= 2 and len(set(parts)) == len(parts) and set(parts) <= set(attributes):
            st.session_state["by"], st.session_state["cross"] = parts[0], (*parts[1:], _ALONE)[0]
        else:
            links.unknown("by", wanted)
    links.keep("by", attributes, next((name for name in preferred if name in attributes), attributes[0]))
    by = st.selectbox("Group users by", attributes, key="by", format_func=spoken, persist_state="session")
    others = [_ALONE, *(name for name in attributes if name != by)]
    links.keep("cross", others, _ALONE)
    cross = st.selectbox(
        "crossed with",
        others,
        key="cross",
        format_func=lambda name: spoken(name) if name else "nothing",
        persist_state="session",
    )
    return (by, cross) if cross else (by,)


def choose_bins(by: Sequence[str], numbers: Sequence[str]) -> int:
    """Into how many groups a number with many values is cut; asked only where one is grouped by."""
    default = AuditSettings.model_fields["bins"].default
    cut = [spoken(name).lower() for name in by if name in numbers]
    if not cut:
        return default
    links.restore("bins", BINS, default)
    bins = st.select_slider(
        f"Groups of {' and '.join(cut)}",
        BINS,
        key="bins",
        persist_state="session",
        help="A number is cut into so many groups with about equally many users",
    )
    links.publish_choice("bins", str(bins), default=str(default))
    return bins


def choose_scope(shop: Shop) -> Scope:
    """Which part of the shop: categories, stores and a period, shared by the pages that look at purchases."""
    chosen: dict[str, object] = {}
    with st.expander("Part of the shop", icon=":material/filter_alt:", expanded=_narrowed()):
        for key, setting, names, label in (
            ("category", "categories", shop.categories, "Categories"),
            ("store", "stores", shop.stores, "Stores"),
        ):
            links.restore_many(key, names)
            if len(names) > 1:
                chosen[setting] = tuple(
                    st.multiselect(
                        label,
                        names,
                        key=key,
                        format_func=plain,
                        placeholder=f"all {len(names):,}",
                        persist_state="session",
                    )
                )
        if shop.zone is not None:
            first, last = _calendar(shop)
            left, right = st.columns(2)
            for side, key, setting, label in ((left, "from", "start", "From"), (right, "to", "end", "To")):
                links.restore_date(key, first=first, last=last)
                chosen[setting] = side.date_input(
                    label, key=key, min_value=first, max_value=last, value=None, persist_state="session"
                )
        st.caption(
            "Prices, discounts and service of these purchases alone; lists of those who bought in these stores and days."
        )
    if chosen.get("start") and chosen.get("end") and chosen["end"] < chosen["start"]:
        st.warning("The period ends before it begins: its end is not used.", icon=":material/event_busy:")
        chosen["end"] = None
    scope = Scope(**chosen)
    links.publish(
        {
            "category": links.many_text(scope.categories),
            "store": links.many_text(scope.stores),
            "from": scope.start and scope.start.isoformat(),
            "to": scope.end and scope.end.isoformat(),
        }
    )
    return scope


def _narrowed() -> bool:
    return any(name in st.query_params for name in ("category", "store", "from", "to"))


def _calendar(shop: Shop) -> tuple[date, date]:
    days = shop.bought["day"]
    return tuple(date(1970, 1, 1) + timedelta(days=int(day)) for day in (days.min(), days.max()))


def choose_k() -> int:
    """How many recommendations a user sees."""
    links.restore("k", KS, 10)
    return st.radio(
        "Length of the list",
        KS,
        key="k",
        horizontal=True,
        persist_state="session",
        help="How many recommendations a user sees; accuracy and shares are counted on these",
    )
