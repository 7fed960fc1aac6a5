"""Text that came with the data, made harmless for each place that would interpret it."""

import re

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]+")
_MARKDOWN = re.compile(r"([!-/:-@\[-`{-~])")  # every ASCII punctuation mark may be escaped in CommonMark
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_AUTOLINK = re.compile(r"(?i)(https?|ftp|mailto|www)(?=[:.])|(?<=\w)(?=@[\w-]+\.)")
_WORD_JOINER = "\u2060"


def plain(text: object, *, limit: int = 80) -> str:
    """One line without control or direction-changing characters, shortened with an ellipsis beyond `limit`."""
    line = _CONTROL.sub(" ", str(text)).strip()
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def plotly_text(text: object, *, limit: int = 80) -> str:
    """For titles, ticks, legends and hover: Plotly renders a subset of HTML, TeX between dollar signs, and `%{}`."""
    line = plain(text, limit=limit).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return line.replace("$", "&#36;").replace("%{", "%&#123;")


def markdown_text(text: object, *, limit: int = 80) -> str:
    """For sentences and labels: shows the text as it is, with no link, image, colour, icon, formula or HTML."""
    line = _AUTOLINK.sub(lambda match: match.group() + _WORD_JOINER, plain(text, limit=limit))
    return _MARKDOWN.sub(r"\\\1", line)


def unmarked(markdown: str) -> str:
    """A sentence of ours without its bold marks, and with the escaped data in it as they are: for screen readers."""
    return _ESCAPED.sub(r"\1", markdown.replace("**", "")).replace(_WORD_JOINER, "")


def spoken(name: str) -> str:
    """A column's name as people say it: `household_size` -> `Household size`."""
    words = plain(name).replace("_", " ").strip()
    return words[:1].upper() + words[1:]
