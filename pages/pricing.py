"""Who pays more for the same, and who gets discounts and offers?"""

import streamlit as st

from pages.ui import (
    blocks,
    cached,
    links,
    pricing_access,
    pricing_discounts,
    pricing_lists,
    pricing_offers,
    pricing_same,
    pricing_what_if,
)
from pages.ui.shell import begin_page

view = begin_page("pricing")
if view.dataset is None:
    blocks.waiting("Prices are compared as soon as data are prepared.", **view.next_step)
    st.stop()
if not cached.shop(view.workspace, view.dataset.id).has_prices:
    blocks.waiting(
        "These data hold no prices: events need paid_price or list_price.", page="data", label="See the data"
    )
    st.stop()
if not view.by:
    blocks.waiting(
        "Prices are compared between groups, and these data name no user attributes.",
        page="data",
        label="See why",
    )
    st.stop()

view = pricing_same.with_reference(view)
blocks.notes()
groups = pricing_same.show(view)
QUESTIONS = {
    "discounts": ("Discounts", pricing_discounts.show),
    "offers": ("Offers", pricing_offers.show),
    "lists": ("Prices in the lists", pricing_lists.show),
    "access": ("Access, burden, envy", pricing_access.show),
    "what_if": ("What if prices were personal", pricing_what_if.show),
}
links.restore("see", list(QUESTIONS), "discounts")
st.divider()
see = st.segmented_control(
    "And further",
    list(QUESTIONS),
    key="see",
    format_func=lambda name: QUESTIONS[name][0],
    required=True,
    persist_state="session",
)
links.publish_choice("see", see, default="discounts")
QUESTIONS[see][1](view, groups)
