"""Entry point: navigation, look, which workspace. Nothing else."""

import os

# Before numpy and torch load their thread libraries. The small products of an audit gain nothing from a second thread,
# and beside other sessions idle threads that spin made them up to 50 times slower.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import pandas  # noqa: F401  first and in this order: two threads importing pandas at once break each other
import plotly.graph_objects  # noqa: F401
import streamlit as st

from core.errors import EvenhandError
from pages.ui import blocks, shell

st.set_page_config(page_title="Evenhand", page_icon="assets/mark.svg", layout="wide")
scheme = "dark" if st.context.theme.type == "dark" else "light"
st.logo(f"assets/logo-{scheme}.svg", icon_image="assets/mark.svg", size="large")

page = st.navigation(shell.navigation_pages(), expanded=True)
shell.enter()
try:
    page.run()
except EvenhandError as error:
    blocks.failed(error)
