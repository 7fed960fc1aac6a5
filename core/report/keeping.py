"""Reports that were made on a page: kept in the workspace, found again, and told of in the audit trail."""

from core.report.contents import Report
from core.report.gather import headline
from core.report.writing import texts
from core.schema.documents import REPORTS, KeptReport
from core.store.trail import record
from core.store.workspace import Workspace

SCHEMA_FILE = "report.schema.json"


def keep(workspace: Workspace, id: str, report: Report, *, who: str) -> KeptReport:
    """Write the files, then the document that they hang from; the same id again gives the one that is there.

    Raises:
        StoreError: a file cannot be written; nothing is kept then.
    """
    known = workspace.documents.get(REPORTS, id)
    if known is not None:
        return KeptReport.model_validate(known)
    page, content, schema = texts(report, SCHEMA_FILE)
    artefacts = workspace.artefacts
    kept = KeptReport(
        _id=id,
        run=report.model.run,
        dataset=report.data.dataset,
        created_at=report.made_at,
        split=report.split,
        groupings=report.settings["by"],
        k=report.settings["k"],
        policy=report.policy and report.policy.reference,
        headline=headline(report),
        answer=report.answer,
        page=artefacts.write_text(f"reports/{id}.html", page),
        content=artefacts.write_text(f"reports/{id}.json", content),
        content_schema=artefacts.write_text(f"reports/{id}.schema.json", schema),
    )
    workspace.documents.put(REPORTS, kept.dump())
    about = {"dataset": kept.dataset, "run": kept.run, "report": kept.id}
    details = {"file": f"{id}.html", "page": kept.page.sha256, "content": kept.content.sha256}
    record(workspace, "exported", who=who, about=about, details=details, left=kept)
    return kept


def kept_reports(workspace: Workspace, run_id: str) -> list[KeptReport]:
    """Those of a run, newest first."""
    found = workspace.documents.find(REPORTS, field="run", value=run_id, sort="created_at", descending=True)
    return [KeptReport.model_validate(document) for document in found]
