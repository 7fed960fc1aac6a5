"""What came since a dataset was prepared, in words."""

from core.data.collecting import News
from core.data.watching import FileNews, WhatsNew
from core.figures.sentences import plural

NOTHING = "Nothing has come since this dataset was prepared."
MOST_TOLD = 20
STATES = {"new": "is new", "changed": "has changed", "gone": "is gone"}


def news_sentences(found: WhatsNew) -> list[str]:
    """What is new, one sentence for each file or table, the first ones; plain text."""
    told = [_of_file(file) for file in found.files] + [
        _of_documents(table, documents) for table, documents in found.documents.items() if documents
    ]
    more = [f"And {plural(len(told) - MOST_TOLD, 'more file')}."] if len(told) > MOST_TOLD else []
    return told[:MOST_TOLD] + more or [NOTHING]


def _of_file(file: FileNews) -> str:
    lines = "" if file.lines is None else f", {plural(abs(file.lines), 'row')}"
    if file.state == "changed":
        lines = _difference(file.lines)
    return f"{file.name[:80]} {STATES[file.state]}{lines}."


def _difference(lines: int | None) -> str:
    if lines is None:
        return ""
    if lines == 0:
        return ", with as many rows as before"
    return f", {plural(abs(lines), 'row')} {'more' if lines > 0 else 'fewer'}"


def _of_documents(table: str, news: News) -> str:
    parts = [
        f"{count:,} {word}"
        for count, word in ((news.new, "new"), (news.changed, "changed"), (news.gone, "gone"))
        if count
    ]
    return f"{table}: {', '.join(parts)}."
