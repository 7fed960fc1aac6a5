"""How far the attention of a list, or of all lists together, is from the target: AWRF and NDKL."""

import numpy as np
from scipy import stats
from scipy.special import rel_entr

from core.fairness.exposure.attention import exposure_shares
from core.metrics import NOTHING

GRID = 2048  # steps of a share of attention
COUNTED_UP_TO = 10  # places of a list, of which all choices are looked at; above, shares lie on the grid


def js_divergence(shares: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Jensen-Shannon divergence in bits, (..., H), (H,) -> (...): 0 for equal shares, 1 for disjoint ones.

    JSD(p, q) = KL(p | m) / 2 + KL(q | m) / 2, m = (p + q) / 2, logarithms to base 2. Not its square root, the
    Jensen-Shannon distance. Example: p = (1, 0), q = (0.5, 0.5): 0.3113.
    """
    middle = (shares + target) / 2
    both = rel_entr(shares, middle).sum(axis=-1) + rel_entr(target, middle).sum(axis=-1)
    return np.clip(both / (2 * np.log(2)), 0, 1)


def awrf_js(shares: np.ndarray, target: np.ndarray) -> np.ndarray:
    """AWRF with the Jensen-Shannon divergence: 1 - JSD(attention shares, target), in [0, 1], 1 is on target.

    Of one list's shares (per user, then averaged) or of the mean shares of all lists (pooled). Pooled is never lower
    than the mean of the lists: different lists balance each other. The framework is Sapiezynski et al., WWW 2019
    companion, who test against the target instead; with this divergence as in TREC Fair Ranking 2021 and 2022.
    """
    return 1 - js_divergence(shares, target)


def kl_divergence(shares: np.ndarray, target: np.ndarray) -> np.ndarray:
    """KL(shares | target) in nats, (..., H) -> (...); infinite where a group outside of the target is shown."""
    return rel_entr(shares, target).sum(axis=-1)


def list_ndkl(groups: np.ndarray, target: np.ndarray) -> np.ndarray:
    """NDKL of each list, (U, k) -> (U,): 0 is on target in every prefix; no fixed upper end.

    NDKL = 1/Z sum_k KL(D_k | D) / log2(k + 1), Z = sum_k 1 / log2(k + 1), D_k the shares of groups among the first k
    places. Source: Geyik, Ambler & Kenthapadi, KDD 2019, definition 3.1 (natural logarithm). Empty places count for
    nothing: neither a prefix that ends in one nor its weight. Short prefixes never fit, so even lists filled at
    random are far from 0: compare with those. Example: places (a, b), target (0.5, 0.5): log 2 / 1.6309 = 0.4250.

    Args:
        groups: (U, k), NOTHING where a place is empty.
    """
    return _discounted(groups, target, pooled=False)


def pooled_ndkl(groups: np.ndarray, target: np.ndarray) -> float:
    """NDKL of all lists together: D_k are the shares among the first k places of all lists."""
    return float(_discounted(groups, target, pooled=True)[0])


def _discounted(groups: np.ndarray, target: np.ndarray, *, pooled: bool) -> np.ndarray:
    counts = np.zeros((len(groups), len(target)))
    total = weight = 0.0
    for place in range(groups.shape[1]):
        filled = groups[:, place] != NOTHING
        counts[filled, groups[filled, place]] += 1
        seen = counts.sum(axis=0, keepdims=True) if pooled else counts  # (U, H) or (1, H)
        counted = np.array([filled.any()]) if pooled else filled
        discount = np.where(counted, 1 / np.log2(place + 2), 0.0)
        shares = seen / np.maximum(seen.sum(axis=-1, keepdims=True), 1)
        total = total + np.where(counted, discount * kl_divergence(shares, target), 0.0)
        weight = weight + discount
    return np.divide(total, weight, out=np.full(np.shape(total), np.nan), where=weight > 0)


def pooled_ndkl_slopes(groups: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Each user's influence on pooled NDKL, (U,), up to a constant: derivatives of KL by the counts of prefixes."""
    counts = np.zeros((len(groups), len(target)))
    slopes, weight = np.zeros(len(groups)), 0.0
    for place in range(groups.shape[1]):
        filled = groups[:, place] != NOTHING
        counts[filled, groups[filled, place]] += 1
        mean = counts.mean(axis=0)
        if filled.any():
            shares = mean / mean.sum()
            rise = np.log(np.where(shares > 0, shares, 1.0)) - np.log(np.where(shares > 0, target, 1.0))
            own = counts - shares * counts.sum(axis=1, keepdims=True)
            slopes += own @ rise / mean.sum() / np.log2(place + 2)
            weight += 1 / np.log2(place + 2)
    return slopes / weight


def prefix_shares(groups: np.ndarray, n_groups: int) -> np.ndarray:
    """Shares of groups among the first 1, 2, ..., k places of each list, (U, k * H); 0 where nothing is there yet."""
    counts = np.cumsum(groups[:, :, None] == np.arange(n_groups), axis=1)  # (U, k, H)
    shares = counts / np.maximum(counts.sum(axis=2, keepdims=True), 1)
    return shares.reshape(len(groups), -1)


def ndkl_of_prefixes(shares: np.ndarray, target: np.ndarray) -> np.ndarray:
    """NDKL from the shares of groups in each prefix, (..., k * H) -> (...); parts below 0 count as 0."""
    prefixes = np.maximum(shares, 0).reshape(*shares.shape[:-1], -1, len(target))
    prefixes = prefixes / prefixes.sum(axis=-1, keepdims=True)
    discount = 1 / np.log2(np.arange(prefixes.shape[-2]) + 2)
    return kl_divergence(prefixes, target) @ discount / discount.sum()


def random_lists(
    groups: np.ndarray, target: np.ndarray, *, n_lists: int, rng: np.random.Generator
) -> np.ndarray:
    """Lists whose filled places are those of randomly picked lists, each with a group drawn by the target.

    What lists look like that follow the target without looking at the user. Places are drawn independently, which
    ignores that no item is listed twice; that matters for groups hardly larger than a list.

    Returns:
        (n_lists, k) groups by place.
    """
    picked = groups[rng.integers(0, len(groups), n_lists)]
    drawn = rng.choice(len(target), size=picked.shape, p=target)
    return np.where(picked == NOTHING, NOTHING, drawn)


def random_means(groups: np.ndarray, weights: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Expected AWRF_JS and NDKL of `random_lists`, (2,), in place of the mean of some of them, which has an error.

    Both are sums over groups, so what one group gets is enough: of NDKL a binomial number of the first places, exact;
    of AWRF a sum of the weights of the places that are its own, exact for up to 10 places, else on a grid of 1 / 2,048
    (off by less than 1e-6).
    """
    filled = groups != NOTHING
    inside = target[target > 0]
    places = np.cumsum(filled, axis=1)  # (U, k): filled so far
    n = np.arange(1, groups.shape[1] + 1)[:, None, None]
    counts = np.arange(groups.shape[1] + 1)
    chances = stats.binom.pmf(counts, n, inside[:, None])  # (k, H, k + 1)
    of_prefix = (chances * rel_entr(np.minimum(counts / n, 1), inside[:, None])).sum(axis=(1, 2))  # (k,)
    discount = np.where(filled, 1 / np.log2(np.arange(groups.shape[1]) + 2), 0.0)
    ndkl = (discount * of_prefix[np.maximum(places, 1) - 1]).sum(axis=1) / discount.sum(axis=1)
    patterns, times = np.unique(filled, axis=0, return_counts=True)
    off = [_random_divergence(weights[pattern] / weights[pattern].sum(), inside) for pattern in patterns]
    return np.array([1 - np.average(off, weights=times), ndkl.mean()])


def _random_divergence(weights: np.ndarray, target: np.ndarray) -> float:
    """Expected Jensen-Shannon divergence, in bits, of lists with places of these weights, which sum to 1."""
    shares_of = _every_share if len(weights) <= COUNTED_UP_TO else _shares_on_grid
    return _divergence_of(*shares_of(weights, target), target)


def _divergence_of(shares: np.ndarray, chances: np.ndarray, target: np.ndarray) -> float:
    """Expected divergence from the shares that groups may have, (S,), and the chance of each, (H, S)."""
    middle = (shares + target[:, None]) / 2
    each = (rel_entr(shares, middle) + rel_entr(target[:, None], middle)) / (2 * np.log(2))
    return float((chances * each).sum())


def _every_share(weights: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The attention that each choice of places has, (2^n,), and the chance that they are a group's, (H, 2^n)."""
    own = (np.arange(2 ** len(weights))[:, None] >> np.arange(len(weights))) & 1  # (2^n, n)
    places = own.sum(axis=1)
    return own @ weights, target[:, None] ** places * (1 - target[:, None]) ** (len(weights) - places)


def _shares_on_grid(weights: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Attention in steps, (S,), and the chance that a group has so much, (H, S)."""
    grid = (
        np.arange(GRID + 1 + len(weights)) / GRID
    )  # a little over 1, as chances between two steps go to both
    chances = np.zeros((len(target), len(grid)))
    chances[:, 0] = 1
    for weight in weights:
        whole, part = divmod(weight * GRID, 1)
        moved = np.zeros_like(chances)
        for step, share in ((int(whole), 1 - part), (int(whole) + 1, part)):
            if share > 0:
                moved[:, step:] += share * chances[:, : len(grid) - step]
        chances = (1 - target[:, None]) * chances + target[:, None] * moved
    return grid, chances


def list_divergences(groups: np.ndarray, weights: np.ndarray, target: np.ndarray) -> np.ndarray:
    """AWRF_JS and NDKL of each list, (U, 2)."""
    shares = exposure_shares(groups, weights, len(target))
    return np.column_stack([awrf_js(shares, target), list_ndkl(groups, target)])
