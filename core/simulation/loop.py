"""Round after round: lists, clicks, learning; what becomes of sellers and customers under each policy."""

import zlib

import numpy as np
import pandas as pd
from scipy import stats

from core.fairness.exposure.attention import position_weights
from core.fairness.exposure.concentration import gini
from core.progress import Progress, quiet
from core.schema.simulation import SimulationSettings
from core.simulation.learning import Factors, Log, click_rate
from core.simulation.policies import MAKERS, Shopkeeper
from core.simulation.world import (
    MAJORITY,
    MINORITY,
    NEWCOMERS,
    World,
    clicks,
    made_world,
    random_lists,
)

MEASURES = {  # name -> what it is; each against the truth, which no policy knows
    "attention_of_newcomers": "Attention of newcomers' products, all rounds so far, over their share of true taste",
    "gini": "How unevenly attention is spread over products, all rounds so far (Gini)",
    "accuracy": "How good lists are by true taste (NDCG)",
    "accuracy_gap": "Accuracy for the minority less that for the majority",
    "error": "How far what each product is worth by the log is from the truth (mean absolute)",
}
UNCORRECTED = ("popularity", "clicks")  # policies that go by clicks as they are


def simulate(settings: SimulationSettings, *, progress: Progress = quiet) -> pd.DataFrame:
    """Every policy in the same shops.

    Returns:
        `policy`, `round` (from 1), `measure`, `value`, `low`, `high` (95 % over shops, Student's t), `n` (shops); `change`,
        `change_low`, `change_high`: against the policy "clicks" in the same shop and round, NaN where that was not asked for.
    """
    found = np.empty((len(settings.policies), settings.replications, settings.rounds, len(MEASURES)))
    for shop in range(settings.replications):
        progress("Simulating", shop / settings.replications, f"shop {shop + 1} of {settings.replications}")
        world = made_world(settings, np.random.default_rng([settings.seed, shop]))
        for place, policy in enumerate(settings.policies):
            rng = np.random.default_rng([settings.seed, shop, zlib.crc32(policy.encode())])
            found[place, shop] = run_policy(world, policy, settings, rng)
    parts = []
    against = found[settings.policies.index("clicks")] if "clicks" in settings.policies else np.nan
    for place, policy in enumerate(settings.policies):
        value, change = _mean(found[place]), _mean(found[place] - against)
        columns = dict(zip(("value", "low", "high"), value, strict=True))
        columns |= dict(zip(("change", "change_low", "change_high"), change, strict=True))
        rounds, names = np.indices((settings.rounds, len(MEASURES)))
        frame = pd.DataFrame({name: numbers.ravel() for name, numbers in columns.items()})
        measures = np.array(list(MEASURES))[names.ravel()]
        parts.append(frame.assign(policy=policy, round=rounds.ravel() + 1, measure=measures))
    told = pd.concat(parts, ignore_index=True).assign(n=settings.replications)
    numbers = ["value", "low", "high", "n", "change", "change_low", "change_high"]
    return told[["policy", "round", "measure", *numbers]]


def _mean(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean over the first axis with its 95 % interval."""
    mean = values.mean(axis=0)
    off = stats.t.ppf(0.975, len(values) - 1) * values.std(axis=0, ddof=1) / np.sqrt(len(values))
    return mean, mean - off, mean + off


def run_policy(
    world: World, policy: str, settings: SimulationSettings, rng: np.random.Generator
) -> np.ndarray:
    """One policy in one shop: (rounds, measures) in the order of `MEASURES`."""
    n_users, n_items = world.taste.shape
    weights = position_weights(settings.k)
    keeper = Shopkeeper(
        settings,
        world.item_group,
        weights,
        head_start(world, settings, rng),
        Factors(n_users, n_items, rng),
        np.zeros(2),
        rng,
    )
    attention = np.zeros(n_items)
    found = np.empty((settings.rounds, len(MEASURES)))
    for number in range(settings.rounds):
        lists = MAKERS[policy](keeper)
        explored = rng.random(n_users) < settings.exploration
        lists = np.where(explored[:, None], random_lists(n_users, n_items, settings.k, rng), lists)
        keeper.log.add(lists, clicks(world, lists, rng), world.examined)
        attention += np.bincount(lists.ravel(), np.tile(weights, n_users), minlength=n_items) / n_users
        keeper.attention = n_items * np.bincount(world.item_group, attention) / keeper.sizes
        found[number] = _measured(world, lists, attention, keeper.log, corrected=policy not in UNCORRECTED)
    return found


def head_start(world: World, settings: SimulationSettings, rng: np.random.Generator) -> Log:
    """What was shown before the first round: products of known sellers, each to some customers at random places."""
    log = Log.empty(*world.taste.shape)
    n_users = world.taste.shape[0]
    for item in np.flatnonzero(world.item_group != NEWCOMERS):
        users = rng.integers(0, n_users, settings.head_start)
        chance = world.examined[rng.integers(0, settings.k, settings.head_start)]
        clicked = rng.random(settings.head_start) < chance * world.taste[users, item]
        np.add.at(log.shown[:, item], users, 1)
        np.add.at(log.clicked[:, item], users, clicked)
        np.add.at(log.corrected[:, item], users, clicked / chance)
    return log


def _measured(
    world: World, lists: np.ndarray, attention: np.ndarray, log: Log, *, corrected: bool
) -> tuple[float, ...]:
    weights = position_weights(lists.shape[1])
    shares = np.bincount(world.item_group, attention) / attention.sum()
    merit = np.bincount(world.item_group, world.taste.mean(axis=0)) / world.taste.mean(axis=0).sum()
    gained = np.take_along_axis(world.taste, lists, axis=1) @ weights
    most = -np.sort(-world.taste, axis=1)[:, : len(weights)] @ weights
    ndcg = gained / most
    minority, majority = (ndcg[world.user_group == group].mean() for group in (MINORITY, MAJORITY))
    return (
        shares[NEWCOMERS] / merit[NEWCOMERS],
        gini(attention),
        ndcg.mean(),
        minority - majority,
        float(np.nanmean(np.abs(click_rate(log, corrected=corrected) - shown_taste(world, log)))),
    )


def shown_taste(world: World, log: Log) -> np.ndarray:
    """The true taste for each product of those that it was shown to, mean over impressions, (I,); NaN where never shown."""
    with np.errstate(invalid="ignore"):
        return (world.taste * log.shown).sum(axis=0) / log.shown.sum(axis=0)
