"""What a search may try: every combination is a valid setting, and the settings to start from are among them."""

from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution

from core.schema.settings import TrainSettings
from core.workflow.search_space import space, tried, varied


def values_of(name: str, distribution) -> st.SearchStrategy:
    if isinstance(distribution, CategoricalDistribution):
        return st.sampled_from(distribution.choices)
    if isinstance(distribution, FloatDistribution):
        return st.floats(distribution.low, distribution.high)
    return st.integers(distribution.low, distribution.high)


@st.composite
def bases(draw) -> TrainSettings:
    heads = draw(st.integers(1, 8))
    width = draw(st.sampled_from([width for width in range(8, 513, 8) if width % heads == 0]))
    shares = st.floats(0, 0.8999)
    return TrainSettings(
        width=width,
        heads=heads,
        layers=draw(st.integers(1, 8)),
        dropout=draw(shares),
        id_dropout=draw(shares),
        mask=draw(shares),
        substitute=draw(shares),
        reconstruction_weight=draw(st.floats(0, 100)),
        weight_decay=draw(st.floats(0, 1)),
        learning_rate=draw(st.floats(1e-9, 1)),
        batch_size=draw(st.integers(1, 4096)),
        history_length=draw(st.integers(8, 2048)),
    )


@given(bases(), st.data())
def test_whatever_is_drawn_is_a_valid_setting_and_changes_only_what_is_varied(base, data):
    params = {name: data.draw(values_of(name, distribution)) for name, distribution in space(base).items()}
    settings = tried(base, params)
    assert settings.width % settings.heads == 0
    kept = settings.model_dump(exclude=params.keys())
    assert kept == base.model_dump(exclude=params.keys())


@given(bases())
def test_the_settings_to_start_from_are_among_those_that_may_be_drawn(base):
    for name, distribution in space(base).items():
        assert distribution._contains(distribution.to_internal_repr(varied(base)[name])), name


def test_numbers_are_tried_with_few_digits():
    base = TrainSettings(width=64, batch_size=16, dropout=0.2)
    params = varied(base) | {"dropout": 0.123456, "learning_rate": 0.000765432}
    settings = tried(base, params)
    assert (settings.dropout, settings.learning_rate) == (0.123, 0.000765)
