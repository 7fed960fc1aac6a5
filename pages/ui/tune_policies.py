"""Save a policy, let the shop read its lists, and go back to earlier ones."""

import streamlit as st

from core.errors import EvenhandError
from core.figures import about_saved, about_signing
from core.figures.about_policy import policy_words
from core.figures.text import markdown_text, plain
from core.schema.documents import Decision, Policy, Publication, Serving
from core.schema.policies import PolicySettings
from core.schema.settings import settings_from
from core.workflow.policies.compared import comparison_with_former, lacking_comparison
from core.workflow.policies.published_lists import publications
from core.workflow.policies.saved import Label, list_policies, save_policy, settings_of
from core.workflow.policies.serving import servings
from core.workflow.policies.signing import lacking_approval, last_decisions
from core.workflow.policies.trade_off import trade_off
from core.workflow.runs import load_run
from pages.ui import blocks, jobs, trail, tune_signing, tune_state
from pages.ui.shell import View

_CHOSEN = "policy-chosen"
KNOWN = {"test": "All but the last window, as judged", "now": "Everything until now"}
_SAID = "tune-said"  # what was saved, to be told once the page is drawn again


def show(view: View, policy: PolicySettings, load) -> None:
    """What is served, the form that saves, the saved ones with what can be done with them, the log, and what was done.

    Args:
        policy: that is on the desk. load: puts another one there.
    """
    saved = list_policies(view.workspace, dataset=view.dataset.id)
    named = {one.id: one for one in saved}
    log = servings(view.workspace, view.dataset.id)
    lists = {one.id: one for one in publications(view.workspace, view.dataset.id)}
    runs = {run.id: run for run in view.runs}
    with st.container(border=True):
        now = lists.get(log[0].publication) if log else None
        st.markdown(about_saved.served_sentence(log, named, now, run=view.run.id, runs=runs))
        st.caption(
            "A shop reads everyone's list by two look-ups in the document store, or from a Parquet file; under the key "
            f"`{view.dataset.line}`, however often a model is trained anew on newer data."
        )
    if said := st.session_state.pop(_SAID, None):
        st.success(said, icon=":material/check_circle:")
    _save(view, policy)
    blocks.section("Saved policies")
    if not saved:
        st.caption(
            "None yet. Saving the same name again makes its next version, whichever model of these data it is for; nothing "
            "changes a saved one."
        )
    else:
        last = last_decisions(view.workspace, view.dataset.id)
        stand = {
            "Sign-off": about_signing.standings(saved, last),
            "Comment": about_signing.comments(saved, last),
        }
        blocks.table(about_saved.saved_table(saved, runs=runs).assign(**stand), name="saved policies")
        _one(view, named, load, log, lists, last)
    if log:
        _log(view, log, named, lists)
    trail.show(view, named)


def _save(view: View, policy: PolicySettings) -> None:
    blocks.section("Sign what is on the desk", policy_words(policy))
    former = tune_state.carried(view.workspace, view.run)
    for field in ("name", "aim", "note") if former else ():
        st.session_state.setdefault(f"policy-{field}", getattr(former, field))
    with st.form("save-policy", enter_to_submit=False):
        left, right = st.columns(2)
        told = {
            "name": left.text_input("Name", key="policy-name", max_chars=60, placeholder="what to call it"),
            "author": right.text_input(
                "Author", key="policy-author", max_chars=80, placeholder="who answers for it"
            ),
            "aim": st.text_input(
                "Aim", key="policy-aim", max_chars=200, placeholder="what it is for, in plain words"
            ),
            "note": st.text_area("Note", key="policy-note", max_chars=2000, height=80),
        }
        asked = st.form_submit_button("Save this version", type="primary", icon=":material/verified:")
    if not asked:
        return
    try:
        label = settings_from(Label, told)
        with st.spinner("Measuring it on validation …"):
            measured = trade_off(view.workspace, view.run.id, policy).record()
        made = save_policy(view.workspace, view.run.id, policy, label, measured=measured)
    except EvenhandError as error:
        blocks.failed(error)
        return
    st.session_state[_SAID] = f"**{markdown_text(made.reference)}** is saved. Nothing changes it any more."
    st.session_state[_CHOSEN] = made.id
    tune_state.forget_carried()
    st.rerun()


def _one(
    view: View,
    named: dict[str, Policy],
    load,
    log: list[Serving],
    lists: dict[str, Publication],
    last: dict[str, Decision],
) -> None:
    """What can be done with one of the saved policies."""
    id = st.selectbox("Policy", list(named), key=_CHOSEN, format_func=lambda one: plain(named[one].reference))
    policy = named[id]
    if policy.note:
        st.markdown(f"> {markdown_text(policy.note, limit=2000)}")
    now = log[0].policy if log else None
    author = st.text_input(
        "Signed by",
        key=tune_signing.AUTHOR,
        max_chars=80,
        placeholder="who answers for what is clicked below",
    )
    tune_signing.show(view, policy, last.get(id), author)
    tune_signing.rules(view, author)
    lacking = lacking_approval(view.workspace, policy)
    uncompared = _compared(view, policy)
    split = _moment(view, policy)
    served = (id, split) == (now, lists[log[0].publication].split) if log else False
    with st.container(horizontal=True):
        st.button(
            "Put on the desk",
            key="policy-load",
            icon=":material/tune:",
            on_click=_put,
            args=(view, policy, load),
        )
        if st.button(
            "Publish its lists",
            key="policy-publish",
            type="primary",
            icon=":material/publish:",
            disabled=view.busy
            or served
            or not author.strip()
            or lacking is not None
            or uncompared is not None,
            help="Makes everybody's list and lets the shop read it, all at once; what is served until then stays served",
        ):
            _start(view, "publish", {"policy": id, "author": author, "split": split})
    _told(None if author.strip() else "Sign above to publish its lists.")
    _told(lacking)
    _told(uncompared)


def _moment(view: View, policy: Policy) -> str:
    """What published lists are to know."""
    if load_run(view.workspace, policy.run).brought:
        return "test"
    return st.segmented_control(
        "Published lists know",
        ["test", "now"],
        key="policy-moment",
        default="test",
        required=True,
        format_func=KNOWN.__getitem__,
        help="Lists were judged without the last window, so that what customers bought in it could judge them. A shop is served "
        "better by lists that know it as well; the model and the policy are the same, and nothing can judge those lists yet.",
    )


def _put(view: View, policy: Policy, load) -> None:
    """Put a saved policy on the desk."""
    load(settings_of(policy), carried=policy.id if policy.run != view.run.id else None)


def _compared(view: View, policy: Policy) -> str | None:
    """How a policy's run stands beside the one that it follows; why its lists may not be published, where they may not."""
    run = load_run(view.workspace, policy.run)
    found = comparison_with_former(view.workspace, run)
    if found is None:
        return lacking_comparison(view.workspace, run)
    st.markdown(f":material/compare_arrows: {about_saved.compared_sentence(found)}")
    if worse := about_saved.worse_sentence(found):
        st.warning(worse, icon=":material/trending_down:")
    return None


def _told(lacking: str | None) -> None:
    """Why lists may not be served."""
    if lacking:
        st.caption(f":material/lock: {markdown_text(lacking, limit=300)}")


def _log(view: View, log: list[Serving], named: dict[str, Policy], lists: dict[str, Publication]) -> None:
    blocks.section("What the shop was served")
    runs = {run.id: run for run in view.runs}
    blocks.table(about_saved.log_table(log, named, lists, runs=runs), name="what the shop was served")

    def what(serving: Serving) -> tuple[str, str]:
        return serving.policy, lists[serving.publication].split

    earlier = {serving.publication: serving for serving in log if what(serving) != what(log[0])}
    if not earlier:
        return

    def words(id: str) -> str:
        serving = earlier[id]
        return f"{plain(named[serving.policy].reference if serving.policy in named else serving.policy)} · #{serving.number}"

    to = st.selectbox("Go back to", list(earlier), key="rollback-to", format_func=words)
    author = st.session_state.get(tune_signing.AUTHOR, "")
    policy = named.get(earlier[to].policy)
    lacking = lacking_approval(view.workspace, policy) if policy else None
    if st.button(
        "Roll back",
        key="policy-rollback",
        icon=":material/history:",
        disabled=view.busy or not author.strip() or lacking is not None,
        help="Serves exactly these lists again; sign above",
    ):
        _start(view, "rollback", {"dataset": view.dataset.id, "to": to, "author": author})
    _told(lacking)


def _start(view: View, kind: str, params: dict[str, str]) -> None:
    jobs.start(view.workspace, kind, params)
    st.rerun()
