"""What audited lists would have earned, told from the log of another policy: IPS and SNIPS by group."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.errors import InputError, SettingsError, TableError
from core.fairness.group_rows import among, total_rows
from core.fairness.partition import Partition
from core.fairness.rows import AuditRow
from core.schema.settings import ALL, Statistics
from core.schema.tables import CLICKED, ITEM, PROPENSITY, PURCHASED, RANK, USER

OF_MATCHED = ["matched", "mean_weight", "effective", "clipped"]


@dataclass(frozen=True)
class OffPolicy:
    """What a log tells of the audited lists.

    Attributes:
        rows: rewards a place by group, in section `users`: `<reward>_logged@k` as it was, `<reward>_ips@k` and
            `<reward>_snips@k` as it would have been.
        support: how much of the log that rests on, by shown `group` and for all: `users`, `impressions` on the ranks
            audited, `matched` ones that show what the list has there, `mean_weight` (of all impressions, near 1 where the
            propensities are right and the log could have shown every list), `effective` (matched impressions of equal
            weight that tell as much, Kish) and `clipped` (share of the matched ones). These four are NaN for a group with
            too few users of matched impressions.
    """

    rows: list[AuditRow]
    support: pd.DataFrame


def off_policy(
    impressions: pd.DataFrame,
    lists: pd.DataFrame,
    codes: np.ndarray,
    part: Partition,
    settings: Statistics,
    *,
    k: int,
    clip: float,
    reward: str = CLICKED,
    propensity: np.ndarray | None = None,
    tolerances: Mapping[str, float] | None = None,
) -> OffPolicy:
    """Mean reward of a place of the audited lists, had they been shown in place of what was.

        w = min(1[the list has the item at that rank] / p, clip)
        IPS = sum w r / impressions,   SNIPS = sum w r / sum w,   effective = (sum w)^2 / sum w^2

    p: the chance that the logging policy showed this item to this user at this rank. IPS is unbiased if what is earned
    at a rank depends on the user, the item and the rank alone, no weight is clipped, and the log could have shown every
    list; a clipped weight makes it too low. SNIPS is steadier and off by less and less as the log grows. It rests on users
    with a matched impression alone, so its groups are smaller. Users are the unit; those without a list or impressions
    do not count.
    Simulated logs, weights of up to 10 or 50, groups of 40 to 200 users: 95 % intervals covered 94 to 99 %.
    Sources: Swaminathan & Joachims, NIPS 2015 (SNIPS); Li et al., KDD 2018 (item and position); Ionides, Journal of
    Computational and Graphical Statistics 17, 2008 (clipping); Kish, Survey Sampling, 1965.

    Args:
        impressions: `user`, `item`, `rank`, the reward, and `propensity`. lists: `user`, `item`, `rank` (1 is the top).
        codes: (U,) audited users, in the order of the partition. k: ranks that are looked at. clip: the largest weight,
            at least 1; infinity for none. reward: clicked or purchased. propensity: (N,) of each impression, where the
            table has none; how likely a rank is looked at is no such chance.

    Raises:
        InputError: propensities or rewards are missing or impossible, or no impression of what the lists hold there
            was rewarded.
        SettingsError: a clip below 1, or no such reward.
    """
    if not clip >= 1:
        raise SettingsError("Weights can be clipped at 1 or above, not below.")
    if reward not in (CLICKED, PURCHASED):
        raise SettingsError(f"There is no reward '{reward}'; there are {CLICKED} and {PURCHASED}.")
    found = _weighted(impressions, lists, codes, k=k, clip=clip, reward=reward, propensity=propensity)
    earned = found["weight"] * found["reward"]
    if not (earned > 0).any():
        raise InputError(
            f"None of the {(found['weight'] > 0).sum():,} logged impressions that show what a list has at that rank was "
            f"{reward}; what the lists would have earned cannot be told from this log."
        )
    columns = np.column_stack([np.ones(len(found)), found["reward"], earned, found["weight"], earned])
    sums = np.stack([np.bincount(found["place"], column, len(codes)) for column in columns.T], axis=1)
    asked = np.where(sums[:, :1] > 0, sums[:, :3], np.nan)
    matched = np.where(sums[:, 3:4] > 0, sums[:, 3:], np.nan)
    logged, ips, snips = (f"{reward}_{name}@{k}" for name in ("logged", "ips", "snips"))
    bounds = {logged: (0.0, 1.0), ips: (0.0, np.inf), snips: (0.0, 1.0)}
    options = {"section": "users", "tolerances": tolerances, "bounds": bounds}
    rows = total_rows(asked, rewards_of_all, [logged, ips], part, settings, **options)
    rows += total_rows(matched, reward_by_weight, [snips], part, settings, **options)
    return OffPolicy(rows, _support(found, part, asked, matched, settings))


def rewards_of_all(totals: np.ndarray) -> np.ndarray:
    """Logged reward and IPS of a group's totals of impressions, r and w r, (..., 3) -> (..., 2)."""
    n = totals[..., :1]
    return totals[..., 1:] / np.where(n > 0, n, np.nan)


def reward_by_weight(totals: np.ndarray) -> np.ndarray:
    """SNIPS of a group's totals of w and w r, (..., 2) -> (..., 1)."""
    weight = totals[..., :1]
    return totals[..., 1:] / np.where(weight > 0, weight, np.nan)


def _weighted(
    impressions: pd.DataFrame,
    lists: pd.DataFrame,
    codes: np.ndarray,
    *,
    k: int,
    clip: float,
    reward: str,
    propensity: np.ndarray | None,
) -> pd.DataFrame:
    """Impressions of audited users with lists, on the ranks audited: `place` in codes, `reward`, `weight`, `clipped`."""
    audited = lists.loc[lists[RANK].between(1, k), [USER, ITEM, RANK]].drop_duplicates()
    places = pd.Index(codes).get_indexer(impressions[USER])
    kept = np.flatnonzero(
        (places >= 0) & impressions[RANK].between(1, k) & impressions[USER].isin(audited[USER])
    )
    if not len(kept):
        raise InputError(f"There is no impression at ranks 1 to {k} for any user with a list.")
    shown = impressions.iloc[kept]
    chance = _chances(shown, kept, propensity)
    matched = shown[[USER, ITEM, RANK]].merge(audited, how="left", indicator=True)["_merge"] == "both"
    weight = np.where(matched, 1 / chance, 0.0)
    return pd.DataFrame(
        {
            "place": places[kept],
            "reward": _known(shown, kept, reward),
            "weight": np.minimum(weight, clip),
            "clipped": weight > clip,
        }
    )


def _chances(shown: pd.DataFrame, kept: np.ndarray, propensity: np.ndarray | None) -> np.ndarray:
    if propensity is None and PROPENSITY not in shown:
        raise InputError(
            f"The impressions have no column '{PROPENSITY}': the chance with which each item was shown at its rank. "
            "Without it, what other lists would have earned cannot be told, and it is not made up from ranks."
        )
    chance = _known(shown, kept, PROPENSITY) if propensity is None else np.asarray(propensity, float)[kept]
    bad = ~((chance > 0) & (chance <= 1))
    if bad.any():
        raise TableError(
            "was shown, so its chance is above 0 and at most 1",
            source="impressions",
            column=PROPENSITY,
            rows=kept[bad][:6] + 1,
        )
    return chance


def _known(shown: pd.DataFrame, kept: np.ndarray, column: str) -> np.ndarray:
    if column not in shown:
        raise InputError(f"The impressions have no column '{column}'.")
    values = shown[column].to_numpy(dtype=float, na_value=np.nan)
    missing = np.isnan(values)
    if missing.any():
        raise TableError("is missing", source="impressions", column=column, rows=kept[missing][:6] + 1)
    return values


def _support(
    found: pd.DataFrame, part: Partition, asked: np.ndarray, matched: np.ndarray, settings: Statistics
) -> pd.DataFrame:
    there = np.isfinite(asked[:, 0])
    own, with_match = (
        among(part, one, minimum=settings.minimum_group) for one in (there, np.isfinite(matched[:, 0]))
    )
    if own is None:
        return pd.DataFrame(columns=["group", "users", "impressions", *OF_MATCHED])
    strata = own.strata[(np.cumsum(there) - 1)[found["place"]]]
    sides = {ALL: np.ones(len(found), bool)} | {
        name: strata == shown for name, shown in own.positions() if shown is not None
    }
    told = [] if with_match is None else [ALL, *with_match.shown_names]
    return pd.DataFrame(
        [
            {"group": name, "users": found.loc[inside, "place"].nunique(), "impressions": int(inside.sum())}
            | (_of_matched(found[inside]) if name in told else dict.fromkeys(OF_MATCHED, np.nan))
            for name, inside in sides.items()
        ]
    )


def _of_matched(found: pd.DataFrame) -> dict[str, float]:
    weight = found["weight"].to_numpy()
    matched = int((weight > 0).sum())
    effective = weight.sum() ** 2 / (weight**2).sum()
    return dict(
        zip(OF_MATCHED, (matched, weight.mean(), effective, found["clipped"].sum() / matched), strict=True)
    )
