"""Coupons under a budget: who gets one, without and with parity between groups, and what parity gives up."""

from collections.abc import Callable

import pandas as pd
import streamlit as st

from core.data.dataset import load
from core.figures import offer_plan as words
from core.figures.groups import group_styles
from core.figures.numbers import points, share
from core.figures.reliability import reliability_figure
from core.figures.scorecard import all_groups
from core.figures.text import markdown_text
from core.recommend.offers import Decisions, Method, OfferSettings
from core.schema.settings import AuditSettings
from core.store.workspace import Workspace
from core.workflow.policies.offers import OfferPlan, offer_plan, offer_rule, redemption_of
from core.workflow.policies.redemption import FORECAST, OWN_RECORD, Redemption
from pages.ui import blocks, cached, choices, definitions
from pages.ui.group_picker import hidden_caption
from pages.ui.shell import View

UNITS = {"share": "share of the users", "number": "number of coupons"}
SHARES = (0.01, 0.02, 0.05, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5)
COUNTS = (10, 20, 50, 100, 200, 300, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000)
PARITIES = {"offer_rate": "offer rate", "saving": "expected saving"}
GAPS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
RULE_GAP = 0.05
METHODS: dict[Method, str] = {
    "threshold": "a threshold for each group",
    "reduction": "one rule that does not look at the group",
}


BY_CONTENT = cached.BY_CONTENT | {OfferSettings: OfferSettings.model_dump_json}


@st.cache_data(max_entries=8, show_spinner="Learning who redeems coupons …")
def expected(_workspace: Workspace, dataset_id: str, *, protected_inputs: bool) -> Redemption:
    shop = cached.shop(_workspace, dataset_id)
    return redemption_of(_workspace, load(_workspace, dataset_id), shop, protected_inputs=protected_inputs)


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=BY_CONTENT)
def plan(
    _workspace: Workspace, dataset_id: str, *, settings: OfferSettings, audit: AuditSettings
) -> OfferPlan:
    known = expected(_workspace, dataset_id, protected_inputs=settings.protected_inputs)
    return offer_plan(cached.shop(_workspace, dataset_id), known, settings, audit)


@st.cache_data(max_entries=32, show_spinner="Learning a rule …", hash_funcs=BY_CONTENT)
def rule(
    _workspace: Workspace, dataset_id: str, *, method: Method, protected_inputs: bool, audit: AuditSettings
) -> Decisions:
    known = expected(_workspace, dataset_id, protected_inputs=protected_inputs)
    shop = cached.shop(_workspace, dataset_id)
    return offer_rule(shop, known, audit, method=method, tolerance=RULE_GAP)


def show(view: View) -> None:
    """The knobs at the left, the plan at the right."""
    if view.dataset is None:
        blocks.waiting("Coupons are planned as soon as data are prepared.", **view.next_step)
        return
    if not view.by:
        blocks.waiting("Coupons are shared out between groups, and these data name no user attributes.")
        return
    if blocks.asked(expected, view.workspace, view.dataset.id, protected_inputs=False) is not None:
        _knobs(view)


@st.fragment
def _knobs(view: View) -> None:
    """Runs by itself while a knob is moved."""
    left, right = st.columns([1, 2.4], gap="large")
    n_users = len(expected(view.workspace, view.dataset.id, protected_inputs=False).users)
    with left:
        settings = _settings(n_users)
    with right:
        _answer(view, settings)


def _settings(n_users: int) -> OfferSettings:
    unit = choices.choose("offers_unit", "Budget as a", tuple(UNITS), default="number", words=UNITS.get)
    if unit == "share":
        part = choices.slide("offers_share", "Coupons, share of the users", SHARES, default=0.08)
        budget = max(round(part * n_users), 1)
    else:
        counts = tuple(count for count in COUNTS if count <= n_users) or (1,)
        usual = max(count for count in counts if count <= max(0.1 * n_users, counts[0]))
        budget = int(choices.slide("offers_count", "Coupons", counts, default=usual))
    parity = choices.choose(
        "offers_parity", "Alike between groups", tuple(PARITIES), default="offer_rate", words=PARITIES.get
    )
    gap = choices.slide("offers_gap", "Largest gap, share of the mean (0: equal)", GAPS, default=0.1)
    reads = st.toggle(
        "Forecasts read protected attributes",
        key="offers_protected",
        help=OfferSettings.model_fields["protected_inputs"].description,
    )
    return OfferSettings(budget=budget, parity=parity, gap=gap, protected_inputs=reads)


def _answer(view: View, settings: OfferSettings) -> None:
    audit = view.settings()
    found = blocks.asked(plan, view.workspace, view.dataset.id, settings=settings, audit=audit)
    if found is None:
        return
    known = expected(view.workspace, view.dataset.id, protected_inputs=settings.protected_inputs)
    cash = words.value_form(view.dataset.settings["currency"] if known.saving is not None else None)
    plans = {words.WITHOUT: found.free.section.rows, words.WITH: found.even.section.rows}
    first, second, verdict = words.plan_answer(
        plans,
        by=view.by,
        coupons=int(found.free.offered.sum()),
        value=found.free.allocation.value,
        parity=settings.parity,
        gap=settings.gap,
        lost=found.lost,
        money=cash,
    )
    with st.container(border=True):
        st.markdown(first)
        st.markdown(second)
        st.caption(verdict)
    groups, metric = all_groups(plans[words.WITHOUT]), words.MEASURES[settings.parity]
    if plans[words.WITH]["value"].notna().any():
        blocks.chart(
            words.plan_figure(
                plans,
                group_styles(groups),
                metric=metric,
                title=PARITIES[settings.parity],
                form=share if metric == words.OFFER_RATE else cash,
            ),
            key="offers-plan",
            alt=f"{PARITIES[settings.parity].capitalize()} of each group without and with parity. {first} {second}",
            reading=(
                "Open: coupons where they are worth most. Full: with parity. The dots are exact for these users; whiskers are the "
                "95 % interval over other users like them. Single coupons cannot be shared, so a small group can be one coupon off."
            ),
        )
    _numbers(view, plans, cash)
    hidden_caption(_hidden(plans[words.WITHOUT]))
    with st.expander("Can these forecasts be trusted?", icon=":material/fact_check:"):
        _trust(known, cash)
    with st.expander("A rule instead of a plan", icon=":material/rule:"):
        _rule(view, found.part.shown_names, settings.protected_inputs)


def _hidden(rows: pd.DataFrame) -> tuple[str, ...]:
    return tuple(dict.fromkeys(rows.loc[rows["suppressed"].astype(bool), "group"]))


def _numbers(view: View, plans: dict[str, pd.DataFrame], cash: Callable) -> None:
    name = f"offers by {'-'.join(view.by)}"
    frame = pd.concat([rows.assign(plan=name) for name, rows in plans.items()], ignore_index=True)
    blocks.table(frame, name=name, shown=words.plan_table(plans, money=cash))
    definitions.all_explained([words.OFFER_RATE, words.SAVING], section="pricing", key="offers")


def _trust(known: Redemption, cash: Callable) -> None:
    day = f"{known.day:%-d %B %Y}"
    told = words.fit_sentence(known.fit, day=day, money=cash)
    st.markdown(told)
    if known.fit is not None:
        blocks.chart(
            reliability_figure(
                known.fit.bins, model=FORECAST, rule=OWN_RECORD, rule_title="own record of redeeming"
            ),
            key="offers-trust",
            alt=f"Share of offers redeemed against the forecast. {told}",
            reading="Offers in ten parts by forecast: on the dashed line as many were redeemed as foretold.",
        )
    st.caption(
        f"Learnt from {len(known.past.users):,} offers that had ended by {day}, {known.past.redeemed.sum():,} of them redeemed: "
        "days shopped and money spent, coupons used, offers had and redeemed. The shop chose whom to offer what, so chances of "
        "users it never chose are a guess; and what is redeemed might have been bought without a coupon."
    )


def _rule(view: View, shown: list[str], protected_inputs: bool) -> None:
    """A classifier of who gets an offer; it knows no budget."""
    method = choices.choose("offers_rule", "Learn", tuple(METHODS), default="threshold", words=METHODS.get)
    if not st.toggle("Learn it", key="offers_learn"):
        st.caption(
            "A rule decides on users one by one, also on those who come later, and gives as many offers as it finds worth it."
        )
        return
    decided = blocks.asked(
        rule,
        view.workspace,
        view.dataset.id,
        method=method,
        protected_inputs=protected_inputs,
        audit=view.settings(),
    )
    if decided is None:
        return
    st.markdown(
        f"This rule gives {markdown_text(share(float(decided.offered.mean())))} of the users an offer. Among users who had "
        f"offers before, its offer rates are at most {markdown_text(points(RULE_GAP).lstrip('+'))} apart; among all users they "
        "can differ more."
    )
    table = pd.DataFrame(
        {
            "Group": shown,
            "One rule for all": [share(float(rate)) for rate in decided.before[: len(shown)]],
            "Made alike": [share(float(rate)) for rate in decided.after[: len(shown)]],
        }
    )
    blocks.table(table, name=f"rule of offers by {'-'.join(view.by)}")
