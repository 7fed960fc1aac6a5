"""The form that trains again: a preset or every setting, with ranges and help from the settings themselves."""

import streamlit as st

from core.errors import SettingsError
from core.figures.text import spoken
from core.schema.settings import GROUP_OBJECTIVES, ITEM_OBJECTIVES, TrainSettings, settings_from
from pages.ui import blocks, forms, jobs
from pages.ui.shell import View

PRESETS = {
    "Quick": {"epochs": 2, "width": 32, "layers": 1, "history_length": 128, "ranking": False},
    "Standard": {},
    "Thorough": {"epochs": 24, "patience": 6, "width": 192, "history_length": 512},
}
FIELDS = tuple(TrainSettings.model_fields)
_NAMED = {
    "Models": (
        *("models", "ranking", "repeat_term", "text", "protected_inputs", "seen_items"),
        *("width", "layers", "heads", "dropout", "id_dropout", "history_length"),
    ),
    "Objectives": (
        *("next_item_weight", "reconstruction_weight", "rating_weight", "intent_weight", "reactions_weight"),
        *("predict", "horizon_days", "intent_days"),
    ),
    "Augmentation": ("crop", "mask", "reorder", "substitute"),
    "Fairness before": (
        *("fair_attribute", "user_weights", "item_weights"),
        *("decorrelate", "counterfactual"),
    ),
    "Fairness within": (*GROUP_OBJECTIVES, *ITEM_OBJECTIVES, "items_by"),
}
SECTIONS = _NAMED | {  # and whatever is not named above
    "Training": tuple(name for name in FIELDS if not any(name in names for names in _NAMED.values()))
}
ABOUT = {
    "Models": "The recommender is always trained. Further models are added where the data allow.",
    "Objectives": "One loss is minimised: the sum of these, each times its weight. An objective of weight 0, or one that "
    "the data cannot serve, is left out.",
    "Augmentation": "Histories are altered at random while training. 0 leaves them as they are.",
    "Fairness before": "What training reads and counts, before it starts. The attribute divides users for both tabs on "
    "fairness, whether the model sees it or not.",
    "Fairness within": "Objectives beside accuracy, each times its weight; 0 leaves it out. With any of them there is no "
    "second ranking, and popularity does not follow what was bought lately: both would undo it.",
    "Training": "How long, how fast, and on what.",
}
PREFIX, ATTRIBUTE = "train", "fair_attribute"


def form(view: View) -> None:
    """Name, preset, settings, and the button."""
    blocks.section("Train again" if view.run else "Train a model")
    st.segmented_control(
        "Preset",
        tuple(PRESETS),
        key="preset",
        default="Standard",
        required=True,
        on_change=_apply_preset,
        help="Quick looks around, Standard is what the first model uses, Thorough takes several times as long",
    )
    with st.form("retrain", enter_to_submit=False):
        name = st.text_input(
            "Name of the run", key="train-name", max_chars=60, placeholder="what you will call it"
        )
        with st.expander("Settings", icon=":material/tune:"):
            values = _sections(view)
        asked = st.form_submit_button("Train", type="primary", icon=":material/model_training:")
    if asked:
        _start(view, name, values)


def _sections(view: View) -> dict:
    """All settings, in tabs by what they are about."""
    values = {}
    for tab, (title, names) in zip(st.tabs(list(SECTIONS)), SECTIONS.items(), strict=True):
        with tab:
            st.caption(ABOUT[title])
            if ATTRIBUTE in names:
                values[ATTRIBUTE] = _attribute(view)
            others = tuple(name for name in names if name != ATTRIBUTE)
            values |= forms.fields(TrainSettings, others, prefix=PREFIX)
    return values


def _attribute(view: View) -> str | None:
    """One of the user attributes that these data have, or none."""
    key = f"{PREFIX}-{ATTRIBUTE}"
    options = [None, *dict.fromkeys([*view.dataset.protected, *view.dataset.attributes])]
    if st.session_state.setdefault(key, None) not in options:  # chosen for other data
        st.session_state[key] = None
    return st.selectbox(
        spoken(ATTRIBUTE),
        options,
        key=key,
        format_func=lambda name: "not set" if name is None else spoken(name),
        help=TrainSettings.model_fields[ATTRIBUTE].description,
    )


def _apply_preset() -> None:
    forms.assign(TrainSettings, FIELDS, prefix=PREFIX, given=PRESETS[st.session_state["preset"]])


def _start(view: View, name: str, values: dict) -> None:
    try:
        settings = settings_from(TrainSettings, values)
    except SettingsError as error:
        blocks.failed(error)
        return
    params = {
        "dataset": view.dataset.id,
        "settings": settings.model_dump(mode="json"),
        "name": name.strip() or st.session_state["preset"],
    }
    jobs.start(view.workspace, "train", params)
    st.rerun()
