"""FA*IR against published tables, exact sums, simulation, brute force and a plain loop."""

from fractions import Fraction
from itertools import permutations, product
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import SettingsError
from core.metrics import NOTHING
from core.recommend.rerank.batch import EMPTY, Candidates
from core.recommend.rerank.fa_star_ir import (
    FaStarIrSettings,
    corrected_alpha,
    fa_star_ir,
    failure_probability,
    fair_counts,
    minimum_counts,
    passes,
)
from core.schema.settings import settings_from

# k, p, alpha, uncorrected and corrected table, and its failure probability, as published by the paper's authors:
# github.com/fair-search/fairsearch-fair-python, tests/test_fair.py (the second also in its README)
PUBLISHED = [
    (10, 0.2, 0.15, [0] * 8 + [1] * 2, [0] * 8 + [1] * 2, 0.13421772800000065),
    (20, 0.25, 0.1, [0] * 8 + [1] * 6 + [2] * 5 + [3], [0] * 8 + [1] * 7 + [2] * 5, 0.10515247355215251),
    (
        30,
        0.3,
        0.05,
        [0] * 8 + [1] * 5 + [2] * 5 + [3] * 5 + [4] * 4 + [5] * 3,
        [0] * 10 + [1] * 6 + [2] * 5 + [3] * 4 + [4] * 5,
        0.04877730797178359,
    ),
]
# Minimum counts in the first 1 to 12 places, at alpha = 0.1 without correction, by p: the example table of the FA*IR paper
# (Zehlike et al., CIKM 2017) as its first author prints it again (Zehlike, Suehr, Castillo, arXiv 2012.12795, table 1, all
# rows in github.com/MilkaLichtblau/Multinomial_FA-IR, paper/07-binomial-adjustment.tex)
PAPER = {
    0.1: "000000000000",
    0.2: "000000000011",
    0.3: "000000111112",
    0.4: "000011112223",
    0.5: "000111223334",
    0.6: "001122334455",
    0.7: "011223345566",
}
PUBLISHED_ALPHA = 0.07812500000000001  # of k = 20, p = 0.25, alpha = 0.1, ibidem
# k, p, corrected alpha and failure probability of fairsearchcore 1.0.4, which leaves out the last prefix
LIBRARY = [
    (10, 0.5, 0.07500000000000001, 0.09374999999999967),
    (20, 0.4, 0.05625, 0.09806722586247096),
    (20, 0.9, 0.025683593750000004, 0.04787933642075015),
    (30, 0.3, 0.0796875, 0.1525024119944156),
    (40, 0.25, 0.00546875, 0.010347658796451942),
    (50, 0.7, 0.02734375, 0.10471812452937646),
    (100, 0.1, 0.04296875, 0.10035411118966753),
    (100, 0.5, 0.020693969726562504, 0.0998616832531447),
]


def batch(relevance: list[list[float]], width: int) -> Candidates:
    """Rows of falling relevances; item codes are row * width + place."""
    items = np.full((len(relevance), width), NOTHING, np.int32)
    values = np.full((len(relevance), width), EMPTY)
    for row, scores in enumerate(relevance):
        items[row, : len(scores)] = row * width + np.arange(len(scores))
        values[row, : len(scores)] = scores
    return Candidates(items, values.astype(np.float32))


def drawn(seed: int, n_users: int, width: int, share: float) -> tuple[Candidates, np.ndarray]:
    """Lists of any length from none to `width`, and which items are protected."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, width + 1, n_users)
    relevance = [np.sort(rng.random(length).round(1))[::-1].tolist() for length in lengths]
    return batch(relevance, width), rng.random(n_users * width) < share


@pytest.mark.parametrize(("k", "p", "alpha", "plain", "corrected", "failing"), PUBLISHED)
def test_published_tables(k, p, alpha, plain, corrected, failing):
    np.testing.assert_array_equal(minimum_counts(k, p, alpha), plain)
    np.testing.assert_array_equal(fair_counts(k, p, alpha), corrected)
    assert failure_probability(k, p, corrected_alpha(k, p, alpha)) == pytest.approx(failing, abs=1e-12)


@pytest.mark.parametrize("p", PAPER)
def test_the_papers_table(p):
    assert minimum_counts(12, p, 0.1).tolist() == [int(digit) for digit in PAPER[p]]


def test_published_alpha_stands_for_the_same_table():
    ours = minimum_counts(20, 0.25, corrected_alpha(20, 0.25, 0.1))
    np.testing.assert_array_equal(ours, minimum_counts(20, 0.25, PUBLISHED_ALPHA))


@pytest.mark.parametrize(("k", "p", "alpha_c", "failing"), [*LIBRARY, (20, 0.25, 0.1, 0.11517506930977106)])
def test_failure_probability_of_the_authors_library(k, p, alpha_c, failing):
    assert failure_probability(k - 1, p, alpha_c) == pytest.approx(failing, abs=1e-12)


@pytest.mark.parametrize("p", [Fraction(1, 20), Fraction(1, 3), Fraction(1, 2), Fraction(9, 10)])
@pytest.mark.parametrize("alpha", [Fraction(1, 100), Fraction(1, 10), Fraction(1, 4)])
def test_minimum_counts_are_exact(p, alpha):
    def cumulative(m: int, n: int) -> Fraction:
        return sum(comb(n, j) * p**j * (1 - p) ** (n - j) for j in range(m + 1))

    expected = [next(m for m in range(n + 1) if cumulative(m, n) >= alpha) for n in range(1, 21)]
    np.testing.assert_array_equal(minimum_counts(20, float(p), float(alpha)), expected)
    assert (np.diff(expected) <= 1).all()


@pytest.mark.parametrize("p", [0.1, 0.3, 0.5, 0.8])
@pytest.mark.parametrize("alpha", [0.02, 0.1, 0.3])
def test_failure_probability_against_all_lists(p, alpha):
    lists = np.array(list(product([0, 1], repeat=9)))
    chance = np.prod(np.where(lists == 1, p, 1 - p), axis=1)
    fails = (lists.cumsum(axis=1) < minimum_counts(9, p, alpha)).any(axis=1)
    assert failure_probability(9, p, alpha) == pytest.approx(chance[fails].sum(), abs=1e-12)


@pytest.mark.parametrize(("k", "p"), [(20, 0.2), (50, 0.5), (100, 0.35)])
def test_failure_probability_against_simulation(k, p):
    draws = 40_000
    lists = np.random.default_rng(3).random((draws, k)) < p
    alpha_c = corrected_alpha(k, p, 0.1)
    failing = (lists.cumsum(axis=1) < minimum_counts(k, p, alpha_c)).any(axis=1).mean()
    assert failing == pytest.approx(failure_probability(k, p, alpha_c), abs=4 * np.sqrt(0.1 * 0.9 / draws))
    assert failing == pytest.approx(0.1, abs=0.015)


@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.15])
@pytest.mark.parametrize("p", [0.05, 0.3, 0.5, 0.75, 0.95])
@pytest.mark.parametrize("k", [1, 5, 20])
def test_no_table_fails_closer_to_alpha(k, p, alpha):
    found = abs(failure_probability(k, p, corrected_alpha(k, p, alpha)) - alpha)
    others = [abs(failure_probability(k, p, alpha_c) - alpha) for alpha_c in np.linspace(0, alpha, 301)]
    assert found <= min(others) + 1e-12


def test_longer_lists_need_a_stricter_level():
    levels = [corrected_alpha(k, 0.5, 0.1) for k in (1, 10, 40, 200)]
    assert levels == sorted(levels, reverse=True)
    assert levels[-1] < 0.03


@pytest.mark.parametrize(("p", "least"), [(0, [0, 0, 0]), (1, [1, 2, 3])])
def test_shares_of_none_and_all(p, least):
    np.testing.assert_array_equal(fair_counts(3, p, 0.1), least)


def test_by_hand():
    assert fair_counts(4, 0.7, 0.3).tolist() == [0, 1, 2, 2]
    candidates = batch([[0.9, 0.8, 0.7, 0.6, 0.5, 0.4]], 8)
    protected = np.isin(np.arange(8), [3, 5])
    found = fa_star_ir(candidates, protected, k=4, p=0.7, alpha=0.3)
    assert found.items.tolist() == [[0, 3, 5, 1, 2, 4, NOTHING, NOTHING]]
    np.testing.assert_array_equal(found.relevance, candidates.relevance)
    assert passes(found, protected, k=4, p=0.7, alpha=0.3).tolist() == [True]
    assert passes(candidates, protected, k=4, p=0.7, alpha=0.3).tolist() == [False]


def test_too_few_protected_items_come_as_early_as_they_must():
    candidates = batch([[0.9, 0.8, 0.7, 0.6], [0.9, 0.8], [0.9], []], 4)
    protected = np.isin(np.arange(16), [3, 5])
    found = fa_star_ir(candidates, protected, k=4, p=0.7, alpha=0.3)
    assert found.items.tolist() == [[0, 3, 1, 2], [4, 5, *[NOTHING] * 2], [8, *[NOTHING] * 3], [NOTHING] * 4]
    # The third item of the first user is missing; shorter lists are asked for what they can hold
    assert passes(found, protected, k=4, p=0.7, alpha=0.3).tolist() == [False, True, True, True]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.1, 0.9), st.sampled_from([0.05, 0.2, 0.4]), st.floats(0.1, 0.6))
def test_no_list_that_keeps_every_prefix_has_more_utility(seed, p, alpha, share):
    rng = np.random.default_rng(seed)
    width, k = 6, 4
    scores = np.sort(rng.random(width))[::-1]
    protected = rng.random(width) < share
    weights = np.sort(rng.random(k))[::-1]
    found = fa_star_ir(batch([scores.tolist()], width), protected, k=k, p=p, alpha=alpha).items[0]
    least = np.minimum(fair_counts(k, p, alpha), protected.sum())
    lists = np.array(list(permutations(range(width), k)))
    fair = (protected[lists].cumsum(axis=1) >= least).all(axis=1)
    assert (protected[found[:k]].cumsum() >= least).all()
    assert scores[found[:k]] @ weights == pytest.approx((scores[lists[fair]] @ weights).max())
    assert (np.diff(found[k:]) > 0).all()


def one_list(scores: np.ndarray, protected: np.ndarray, least: np.ndarray) -> list[int]:
    """The paper's algorithm for one user, place by place; the rest in its old order."""
    queues = {side: [i for i in range(len(scores)) if bool(protected[i]) is side] for side in (True, False)}
    ranked, held = [], 0
    while queues[True] or queues[False]:
        place = len(ranked)
        heads = [queue[0] for queue in queues.values() if queue]
        due = place < len(least) and held < least[place]
        pick = queues[True][0] if due and queues[True] else min(heads)
        side = bool(protected[pick])
        queues[side].remove(pick)
        ranked.append(pick)
        held += side
    return ranked


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.05, 1), st.sampled_from([0.05, 0.1, 0.5]), st.integers(1, 15))
def test_all_at_once_is_one_by_one(seed, p, alpha, k):
    candidates, protected = drawn(seed, 12, 12, 0.3)
    found = fa_star_ir(candidates, protected, k=k, p=p, alpha=alpha)
    least = fair_counts(min(k, 12), p, alpha)
    for items, row in zip(candidates.items, found.items, strict=True):
        there = items[items != NOTHING]
        order = one_list(-np.arange(len(there)), protected[there], least)
        assert row.tolist() == [*there[order], *[NOTHING] * (12 - len(there))]
    np.testing.assert_array_equal(found.relevance, candidates.relevance)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 1), st.integers(1, 15))
def test_everything_stays_and_protected_only_move_up(seed, p, k):
    candidates, protected = drawn(seed, 12, 12, 0.3)
    found = fa_star_ir(candidates, protected, k=k, p=p, alpha=0.1)
    np.testing.assert_array_equal(np.sort(found.items), np.sort(candidates.items))
    np.testing.assert_array_equal(found.filled, candidates.filled)
    known = np.append(protected, False)
    before, after = known[candidates.items], known[found.items]
    assert (after.cumsum(axis=1) >= before.cumsum(axis=1)).all()
    for side in (True, False):  # nobody overtakes their own kind
        np.testing.assert_array_equal(found.items[after == side], candidates.items[before == side])


def test_more_places_for_more_users_than_one_chunk_holds():
    candidates, protected = drawn(0, 5000, 6, 0.2)
    found = fa_star_ir(candidates, protected, k=4, p=0.6, alpha=0.2)
    apart = [
        fa_star_ir(Candidates(items[None], relevance[None]), protected, k=4, p=0.6, alpha=0.2).items[0]
        for items, relevance in zip(candidates.items[::50], candidates.relevance[::50], strict=True)
    ]
    np.testing.assert_array_equal(found.items[::50], apart)
    held = np.append(protected, False)[found.items][:, :4].sum(axis=1)
    short = ~passes(found, protected, k=4, p=0.6, alpha=0.2)
    assert short.any()
    # Those who fail have shown all they have
    all_of_theirs = np.append(protected, False)[candidates.items].sum(axis=1)
    np.testing.assert_array_equal(held[short], all_of_theirs[short])


def test_a_larger_share_shows_more_protected_items():
    candidates, protected = drawn(5, 400, 30, 0.15)
    known = np.append(protected, False)
    shares = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0]
    tops = [fa_star_ir(candidates, protected, k=10, p=p, alpha=0.1).items[:, :10] for p in shares]
    seen = np.array([known[top].sum() for top in tops])
    assert (np.diff(seen) >= 0).all()
    assert seen[0] < seen[-1] == np.minimum(known[candidates.items].sum(axis=1), 10).sum()


@given(st.integers(0, 10_000))
def test_a_share_of_zero_changes_nothing(seed):
    candidates, protected = drawn(seed, 12, 12, 0.5)
    found = fa_star_ir(candidates, protected, k=10, p=FaStarIrSettings(share=0).share, alpha=0.5)
    np.testing.assert_array_equal(found.items, candidates.items)
    np.testing.assert_array_equal(found.relevance, candidates.relevance)


def test_nobody_and_nothing():
    empty = Candidates(np.empty((0, 5), np.int32), np.empty((0, 5), np.float32))
    assert fa_star_ir(empty, np.ones(3, bool), k=3, p=0.5, alpha=0.1).items.shape == (0, 5)
    blank = batch([[], []], 3)
    assert (fa_star_ir(blank, np.ones(6, bool), k=3, p=0.5, alpha=0.1).items == NOTHING).all()


@pytest.mark.parametrize("values", [{"share": 1.2}, {"alpha": 0}, {"p": 0.3}])
def test_settings_out_of_bounds(values):
    with pytest.raises(SettingsError, match=next(iter(values))):
        settings_from(FaStarIrSettings, values)
