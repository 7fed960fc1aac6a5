from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from core.figures.text import markdown_text, plain, plotly_text, spoken, unmarked

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "![x](http://example.org/a.png)",
    "$$\\frac{1}{0}$$",
    ":red[danger] :material/home: :smile:",
    "# title",
    "`code` **bold** ~~gone~~ | cell |",
    "https://example.org www.example.org a@example.org",
    "&lt;b&gt; &#60;",
]


def rendered(markdown: str) -> list[str]:
    """Kinds of everything that the Markdown makes besides a paragraph of text."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown)
    inner = [child for token in tokens for child in token.children or []]
    return [
        t.type
        for t in tokens + inner
        if t.type not in {"paragraph_open", "paragraph_close", "inline", "text", "text_special"}
    ]


def shown(markdown: str) -> str:
    tokens = MarkdownIt("commonmark").parse(markdown)
    return "".join(child.content for token in tokens for child in token.children or [])


def test_hostile_text_makes_nothing_but_text_in_markdown():
    for text in HOSTILE:
        assert rendered(markdown_text(text)) == [], text
        assert shown(markdown_text(text)).replace("\u2060", "") == text


def test_the_check_above_sees_what_it_looks_for():
    assert [kind for text in HOSTILE for kind in rendered(text)]


@given(st.text(max_size=60))
def test_any_text_makes_nothing_but_text_in_markdown(text):
    assert rendered("x " + markdown_text(text)) == []


def test_streamlits_own_directives_are_broken():
    escaped = markdown_text(":red[danger] :material/home: $x$ -> --")
    assert all(f"\\{mark}" in escaped for mark in ":[]$/-")
    assert ":red[" not in escaped
    assert ":material/" not in escaped
    assert "->" not in escaped


def test_links_that_would_be_found_in_bare_text_are_broken():
    for text in ("https://example.org", "www.example.org", "a@example.org", "HTTP://EXAMPLE.ORG"):
        assert "\u2060" in markdown_text(text)


@given(st.text(max_size=60))
def test_plotly_text_has_no_tag_and_no_formula(text):
    written = plotly_text(text)
    assert "<" not in written
    assert ">" not in written
    assert "$" not in written
    assert "%{" not in written


def test_plotly_text_keeps_what_it_says():
    assert plotly_text("Bread & <b>butter</b> $1") == "Bread &amp; &lt;b&gt;butter&lt;/b&gt; &#36;1"


def test_control_and_direction_characters_are_removed_and_long_text_is_cut():
    assert plain("a\x00b\u202ec\nd") == "a b c d"
    assert plain("x" * 200, limit=10) == "x" * 9 + "…"


@given(st.text(max_size=60))
def test_unmarked_gives_escaped_text_back(text):
    assert unmarked(f"**x** {markdown_text(text)}") == f"x {plain(text)}".replace("\u2060", "")


def test_column_names_are_spoken():
    assert spoken("household_size") == "Household size"
