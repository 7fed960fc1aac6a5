"""The reports of a run: the latest one's answer, all of their files, and the form that makes another."""

from pathlib import Path

import streamlit as st

from core.figures import about_reports, about_saved
from core.figures.text import markdown_text, plain, spoken
from core.schema.documents import Artefact, KeptReport
from core.workflow.policies.saved import list_policies
from core.workflow.policies.serving import servings
from pages.ui import blocks, jobs
from pages.ui.shell import View

_CHOSEN, _NO_POLICY = "report-chosen", ""
MOST_AT_FIRST = (
    3  # attributes that a report compares by unless more are asked for: each takes its time and its pages
)
FORMS = {  # label -> file ending, MIME type, field of the report
    "Page": ("html", "text/html", "page"),
    "JSON": ("json", "application/json", "content"),
    "JSON Schema": ("schema.json", "application/schema+json", "content_schema"),
}


def show(view: View, found: list[KeptReport]) -> None:
    """The chosen report, the newest at first: its answer, its files, and all others in a table."""
    named = {report.id: report for report in found}
    if len(found) > 1:
        id = st.selectbox("Report", list(named), key=_CHOSEN, format_func=lambda one: _words(named[one]))
    else:
        id = found[0].id
    report = named[id]
    with st.container(border=True):
        st.markdown(about_reports.report_sentence(report))
        st.markdown(
            "\n".join(f"- {markdown_text(line, limit=about_reports.LONGEST)}" for line in report.answer)
        )
        makers = {
            label: (ending, mime, lambda field=field: _content(view, getattr(report, field)))
            for label, (ending, mime, field) in FORMS.items()
        }
        blocks.download_buttons(
            makers, stem=f"evenhand-{report.id}", about="This report", key=lambda label: f"report-{label}"
        )
        st.caption(
            "The page stands alone: open it in any browser, print it, or save it as PDF. The JSON holds every number, and the "
            "schema says what each field is."
        )
    if len(found) > 1:
        blocks.section("All reports of this model")
        blocks.table(about_reports.reports_table(found), name="reports")


def _words(report: KeptReport) -> str:
    return plain(about_reports.about(report), limit=160)


def _content(view: View, artefact: Artefact) -> bytes:
    return Path(view.workspace.artefacts.file(artefact)).read_bytes()


def _first(view: View) -> list[str]:
    """The first protected attributes, or the one that the page is filtered by."""
    protected = [name for name in view.dataset.protected if name in view.dataset.attributes]
    return protected[:MOST_AT_FIRST] or [view.by[0]]


def another(view: View) -> None:
    """The form that makes one."""
    blocks.section("Make a report")
    line = {one.id: one for one in list_policies(view.workspace, dataset=view.dataset.id)}
    saved = {id: one for id, one in line.items() if one.run == view.run.id}
    served = next((one.policy for one in servings(view.workspace, view.dataset.id, limit=1)), None)
    if served in line and served not in saved:
        runs = {run.id: run for run in view.runs}
        st.caption(
            f"The shop reads {markdown_text(line[served].reference)}, lists of "
            f"{about_saved.run_words(line[served].run, runs)}: a report of them is one of that model."
        )
    options = [_NO_POLICY, *saved]
    with st.form("make-report", border=True):
        chosen = st.multiselect(
            "Compare users by",
            view.dataset.attributes,
            default=_first(view),
            format_func=spoken,
            key=f"report-by-{view.dataset.id}",
        )
        policy = st.selectbox(
            "Lists",
            options,
            index=options.index(served) if served in options else 0,
            format_func=lambda id: (
                f"under {plain(saved[id].reference)}{', served now' if id == served else ''}"
                if id
                else "as the model made them"
            ),
            key=f"report-policy-{view.run.id}",
        )
        lists = f"Lists of {view.k}"
        if len(view.by) == 2:
            lists += f", users also by {markdown_text(' × '.join(spoken(name).lower() for name in view.by))}"
        st.caption(f"{lists}, as the filters say. Test split.")
        asked = st.form_submit_button(
            "Make the report", type="primary", icon=":material/description:", disabled=view.busy
        )
    if not asked:
        return
    groupings = [(name,) for name in chosen] + ([view.by] if len(view.by) == 2 else [])
    if not groupings:
        st.warning("Choose at least one attribute to compare users by.", icon=":material/group_off:")
        return
    settings = view.settings(by=tuple(groupings), reference=None).model_dump(mode="json")
    jobs.start(view.workspace, "report", {"run": view.run.id, "settings": settings, "policy": policy or None})
    st.rerun()
