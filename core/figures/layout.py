"""What all figures share: size, margins, axes, bands, whiskers. Fonts and backgrounds come from the page's theme."""

import plotly.graph_objects as go

ROW = 34  # pixels per labelled row
BAND = "rgba(128, 140, 155, 0.16)"
NULL = "rgba(128, 140, 155, 0.55)"
LINE = "rgba(128, 140, 155, 0.9)"
INK_ON_LIGHT, INK_ON_DARK = "#101823", "#E6EBF2"
WORDS_ON_LIGHT, WORDS_ON_DARK = "#4A5563", "#B5C0CE"
WHISKER = {"thickness": 1.6, "width": 5}


def figure(*, height: int, x_title: str = "", y_title: str = "", legend: bool = False) -> go.Figure:
    """An empty figure in the house style; height in pixels, width follows the page."""
    empty = go.Figure()
    empty.update_layout(
        height=height,
        margin={"l": 8, "r": 16, "t": 34 if legend else 8, "b": 8},
        showlegend=legend,
        legend={
            "orientation": "h",
            "x": 0,
            "y": 1,
            "yanchor": "bottom",
            "title": {"text": ""},
            "traceorder": "normal",
        },
        hoverlabel={"align": "left"},
        bargap=0.28,
        uirevision="keep",
        dragmode=False,
    )
    empty.update_xaxes(
        title={"text": x_title, "standoff": 10}, automargin=True, zeroline=False, fixedrange=True
    )
    empty.update_yaxes(
        title={"text": y_title, "standoff": 10}, automargin=True, zeroline=False, fixedrange=True
    )
    return empty


def rows_height(rows: int, *, extra: int = 96) -> int:
    """Height of a figure with so many labelled rows."""
    return extra + ROW * max(rows, 1)


def pattern(shape: str) -> dict:
    """A bar's pattern over its colour: what tells bars apart without colour."""
    return {
        "shape": shape,
        "fillmode": "overlay",
        "fgcolor": "rgba(255, 255, 255, 0.75)",
        "size": 7,
        "solidity": 0.25,
    }


def whiskers(values, lows, highs) -> dict:
    """Plotly's error bars from absolute interval ends."""
    up = [high - value for value, high in zip(values, highs, strict=True)]
    down = [value - low for value, low in zip(values, lows, strict=True)]
    return {"type": "data", "symmetric": False, "array": up, "arrayminus": down, **WHISKER}


def parity_line(figure: go.Figure, at: float = 0.0, *, axis: str = "x") -> None:
    """The line at which groups are served alike."""
    add = figure.add_vline if axis == "x" else figure.add_hline
    add(at, line={"color": LINE, "width": 1.5})


def note(figure: go.Figure, text: str, *, x: float, y, size: int = 12, anchor: str = "left") -> None:
    """A small grey remark in the data's coordinates."""
    figure.add_annotation(x=x, y=y, text=text, showarrow=False, xanchor=anchor, font={"size": size})


def themed(drawn: go.Figure, *, dark: bool) -> go.Figure:
    """Ink with enough contrast on the page and, for whiskers, on bars as well; backgrounds follow the page's theme."""
    ink, words = (INK_ON_DARK, WORDS_ON_DARK) if dark else (INK_ON_LIGHT, WORDS_ON_LIGHT)
    drawn.update_traces(error_x_color=ink, selector={"type": "bar"})
    for update in (drawn.update_xaxes, drawn.update_yaxes):
        update(tickfont_color=words, title_font_color=words)
    drawn.update_layout(legend_font_color=words)
    return drawn.update_annotations(font_color=words)


# What st.plotly_chart passes to the browser: no floating tool bar over the picture, downloads stand below it.
CONFIG = {"displayModeBar": False, "responsive": True, "scrollZoom": False, "doubleClick": False}
