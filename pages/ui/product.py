"""One product for one user: what to expect of it, with the reviews that every sentence rests on."""

import streamlit as st

from core.figures import about_product
from core.figures.text import markdown_text
from core.opinions.words import Sentence
from core.workflow.showing import OneUser
from core.workflow.showing_product import ShownEvaluation
from pages.ui import blocks, cached, links
from pages.ui.shell import View


def show(view: View, user: int, found: OneUser) -> None:
    """A choice among the user's list and history, then the evaluation."""
    blocks.section("What to expect of one product")
    options = about_product.products(found.shown, found.history)
    if options.empty:
        blocks.waiting("This user has neither a list nor a history to choose a product from.")
        return
    item = _choose(options)
    told = cached.evaluation(view.workspace, view.run.id, user=user, item=item)
    evaluation = told.evaluation
    blocks.cards(about_product.evaluation_cards(evaluation))
    st.badge("Machine-written", icon=":material/smart_toy:", color="gray")
    st.caption(markdown_text(evaluation.mark, limit=200))
    if evaluation.fallback:
        st.markdown(f":material/speaker_notes_off: {markdown_text(evaluation.fallback, limit=300)}")
    for number, sentence in enumerate(evaluation.text.sentences):
        _sentence(told, number, sentence)
    for fact in evaluation.facts:
        source = f"from {fact.n:,} rows of the table {fact.source}"
        st.markdown(f"- {markdown_text(fact.text, limit=300)} *{markdown_text(source)}*")
    _aspects(told)


def _choose(options) -> int:
    ids = options["item_id"].to_dict()
    default = options.index[0]
    links.restore("product", list(options.index), default, text=lambda code: ids[code])
    item = st.selectbox(
        "Product",
        list(options.index),
        key="product",
        format_func=options["label"].to_dict().get,
        persist_state="session",
        help="What is on this user's list, and what the user had before",
    )
    links.publish_choice("product", ids[item], default=ids[default])
    return int(item)


def _sentence(told: ShownEvaluation, number: int, sentence: Sentence) -> None:
    """A sentence, the words it quotes, and every review that it cites."""
    with st.container(border=True):
        st.markdown(markdown_text(sentence.text, limit=600))
        for quote in sentence.quotes:
            st.markdown(f"> {markdown_text(quote.text, limit=240)}")
        count = len(sentence.cited)
        label = f"The {count:,} reviews it rests on" if count != 1 else "The review it rests on"
        with st.expander(label, icon=":material/format_quote:"):
            citations = told.citations[number]
            blocks.table(
                citations,
                name=f"citations of sentence {number + 1}",
                shown=about_product.citation_table(citations),
                columns={"In its words": st.column_config.TextColumn(width="large")},
            )


def _aspects(told: ShownEvaluation) -> None:
    if told.aspects.empty:
        return
    with st.expander("What matters to this user", icon=":material/tune:"):
        blocks.table(told.aspects, name="aspects", shown=about_product.aspect_table(told.aspects))
        blocks.how_to_read(
            "How often reviews speak of each aspect. *Expected of this user* leans on people like this one until the user "
            "has written several reviews."
        )
