"""An analyst's word on a list: a rating, or a product that should not be in it, each with a reason."""

import streamlit as st

from core.data.feedback.by_hand import LONGEST_REASON, flag_item, judgements_of, rate_list
from core.errors import EvenhandError, InputError, SettingsError
from core.figures.about_feedback import judgement_table
from core.figures.text import plain
from core.schema.documents import Feedback
from core.schema.tables import RANK, TITLE
from core.workflow.policies.saved import signed
from core.workflow.showing import OneUser
from pages.ui import blocks, cached
from pages.ui.shell import View

_SAID = "judging-said"  # what was kept, to be told once the page is drawn again; no key of a widget
_REASON = "judge-reason"
RATE, FLAG = "Rate the list", "Flag a product"


def show(view: View, user_id: str, user: OneUser) -> None:
    """The form, and what was said of this user's lists before."""
    if user.shown.empty:
        return
    said = st.session_state.pop(_SAID, None)
    if said:
        st.session_state[_REASON] = ""  # the next judgement has a reason of its own
    with st.expander("Judge this list", icon=":material/rate_review:", key="judge-list"):
        place = st.container()
        if said:
            place.success(said, icon=":material/check_circle:")
        way = st.segmented_control("What", (RATE, FLAG), default=RATE, required=True, key="judge-what")
        with st.form("judge", border=False):
            if way == RATE:
                stars = st.feedback("stars", key="judge-stars")
            else:
                item = st.selectbox(
                    "Product",
                    list(user.shown.index),
                    key="judge-item",
                    format_func=lambda code: plain(
                        f"{user.shown.loc[code, RANK]}. {user.shown.loc[code, TITLE]}", limit=80
                    ),
                )
            reason = st.text_input(
                "Reason", key=_REASON, max_chars=LONGEST_REASON, placeholder="what is wrong, or right"
            )
            who = st.text_input(
                "Signed by", key="judge-who", max_chars=80, placeholder="who says so", persist_state="session"
            )
            asked = st.form_submit_button("Keep", type="primary", icon=":material/rate_review:")
        st.caption(
            "It joins the next training set: a rating counts for every product of the list, and a flagged product is not "
            "recommended to this user any more. Users of judged lists no longer count in the accuracy of the next run: its "
            "lists were told what to do."
        )
        if asked:
            try:
                kept = (
                    _rate(view, user_id, user, stars, reason, who)
                    if way == RATE
                    else _flag(view, user_id, user, item, reason, who)
                )
            except EvenhandError as error:
                blocks.failed(error)
            else:
                st.session_state[_SAID] = _words(kept)
                st.rerun()
        before = judgements_of(view.workspace, view.dataset, user_id)
        if len(before):
            titles = cached.item_titles(view.workspace, view.dataset.id)
            blocks.table(judgement_table(before, titles), name=f"judgements of user {plain(user_id)}")


def _rate(view: View, user_id: str, user: OneUser, stars: int | None, reason: str, who: str) -> Feedback:
    if stars is None:
        raise InputError("Choose from one to five stars.")
    ids = cached.item_titles(view.workspace, view.dataset.id).index[user.shown.index]
    asked = {"rating": stars + 1, "reason": reason, "who": _signed(who)}
    return rate_list(view.workspace, view.dataset, user_id, list(ids), **asked)


def _flag(view: View, user_id: str, user: OneUser, item: int, reason: str, who: str) -> Feedback:
    id = cached.item_titles(view.workspace, view.dataset.id).index[item]
    asked = {"rank": int(user.shown.loc[item, RANK]), "reason": reason, "who": _signed(who)}
    return flag_item(view.workspace, view.dataset, user_id, id, **asked)


def _signed(who: str) -> str:
    try:
        return signed(who)
    except SettingsError:
        raise InputError("Say who judges: a judgement is signed.") from None


def _words(kept: Feedback) -> str:
    what = "The flag" if "dismissed" in kept.reactions else "The rating"
    return f"{what} is kept. It joins the next training set: see *Train*."
