"""Shopping as a sequence of steps: one occasion each, named by the category that it was mostly about."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from core.data.purchases import purchases
from core.data.splits import TEST, TRAIN, VALIDATION
from core.schema.tables import (
    BASKET,
    CATEGORY,
    ITEM,
    ITEM_ID,
    LIST_PRICE,
    OTHERS,
    PAID_PRICE,
    SPLIT,
    TIMESTAMP,
    TITLE,
    USER,
)

MOST_NAMES = 400  # categories told apart; rarer ones are OTHERS
MOST_IN_OTHERS = 0.5  # share of training steps; beyond it paths would say nothing


@dataclass(frozen=True)
class Steps:
    """Everybody's occasions of purchase in time order (CSR by user), each with its categories.

    Attributes:
        names: (C,) what a step can be.
        offsets: int64 (U+1,). starts, times: int64 (K,), seconds of the occasion's first and last event.
        main: int64 (K,), the category of most lines; of equals the one of most money.
        split: int8 (K,), what the occasion serves for: 0 training, 1 validation, 2 test; ascending per user.
        content_offsets: int64 (K+1,); content: int64 (L,), the distinct categories of each occasion, and
            shares: float32 (L,), their share of its lines.
    """

    names: tuple[str, ...]
    offsets: np.ndarray
    starts: np.ndarray
    times: np.ndarray
    main: np.ndarray
    split: np.ndarray
    content_offsets: np.ndarray
    content: np.ndarray
    shares: np.ndarray

    @property
    def n_users(self) -> int:
        return len(self.offsets) - 1

    @property
    def users(self) -> np.ndarray:
        """The user of each step, int64 (K,)."""
        return np.repeat(np.arange(self.n_users), np.diff(self.offsets))

    @property
    def single(self) -> bool:
        """Whether every occasion is of one category, so that its content is its main category."""
        return len(self.content) == len(self.main)

    def asked_at(self, users: np.ndarray, steps: np.ndarray) -> np.ndarray:
        """The moment from which each of `steps` is to be foretold, seconds: right after the user's step before.

        Never later than the step's own first event. A user's first step is foretold when it begins; a place after
        the user's last step is allowed.
        """
        inside = steps < self.offsets[users + 1]
        begins = self.starts[np.minimum(steps, len(self.starts) - 1)]
        after = self.times[np.maximum(steps - 1, 0)] + 1
        later = np.where(inside, np.minimum(begins, after), after)
        return np.where(steps > self.offsets[users], later, begins)

    def by_main(self) -> "Steps":
        """The same with nothing but the main category in each step."""
        whole = np.arange(len(self.main) + 1)
        return replace(
            self, content_offsets=whole, content=self.main, shares=np.ones(len(self.main), np.float32)
        )

    def ends(self, split: int) -> np.ndarray:
        """Where each user's steps of splits up to `split` end, int64 (U,)."""
        until = np.concatenate([[0], np.cumsum(self.split <= split)])
        return self.offsets[:-1] + until[self.offsets[1:]] - until[self.offsets[:-1]]


def shopping_steps(
    events: pd.DataFrame, items: pd.DataFrame, *, n_users: int, hold_out: int | None
) -> Steps | None:
    """The steps of a prepared dataset; None where most would be "all others".

    Args:
        events: `user`, `item`, `basket`, `timestamp`, `event`, `split` and, where there are any, prices.
        items: row r is item code r. Without categories the most popular items (in training) are the steps.
        hold_out: None takes each occasion's split from its events; a number makes the last so many steps of
            each user test and as many before them validation (users with too few serve for training alone).
    """
    bought = events[purchases(events)]
    lines = bought[[USER, BASKET, TIMESTAMP, SPLIT]].assign(spend=_spend(bought))
    baskets = lines.groupby([USER, BASKET], sort=False)
    occasions = baskets.agg(
        start=(TIMESTAMP, "min"), time=(TIMESTAMP, "max"), split=(SPLIT, "max")
    ).reset_index()
    occasions["basket_number"] = np.arange(len(occasions))
    occasions = occasions.sort_values([USER, "time", BASKET], ignore_index=True)
    offsets = np.searchsorted(occasions[USER].to_numpy(), np.arange(n_users + 1)).astype(np.int64)
    split = occasions["split"].to_numpy(np.int8) if hold_out is None else _last(offsets, hold_out)
    place = np.argsort(occasions["basket_number"].to_numpy())[baskets.ngroup().to_numpy()]  # of each line
    labels, known_as = _labels(items)
    labels = labels[bought[ITEM].to_numpy()]
    names, renamed = _vocabulary(labels[split[place] == TRAIN], known_as)
    steps = renamed[labels]
    if np.mean(steps[split[place] == TRAIN] == len(names) - 1) * (names[-1] == OTHERS) > MOST_IN_OTHERS:
        return None
    content = pd.DataFrame({"place": place, "step": steps, "spend": lines["spend"].to_numpy()})
    content = content.groupby(["place", "step"], as_index=False).agg(
        lines=("spend", "size"), spend=("spend", "sum")
    )
    here = content["place"].to_numpy()
    total = np.bincount(here, content["lines"], minlength=len(occasions))
    return Steps(
        names=names,
        offsets=offsets,
        starts=occasions["start"].to_numpy("datetime64[s]").astype(np.int64),
        times=occasions["time"].to_numpy("datetime64[s]").astype(np.int64),
        main=_main(content),
        split=split,
        content_offsets=np.searchsorted(here, np.arange(len(occasions) + 1)).astype(np.int64),
        content=content["step"].to_numpy(np.int64),
        shares=(content["lines"] / total[here]).to_numpy(np.float32),
    )


def _spend(bought: pd.DataFrame) -> np.ndarray:
    """Money of each line for settling ties, zero where no price is known."""
    price = next((name for name in (PAID_PRICE, LIST_PRICE) if name in bought), None)
    return np.zeros(len(bought)) if price is None else bought[price].fillna(0.0).to_numpy()


def _last(offsets: np.ndarray, hold_out: int) -> np.ndarray:
    """The split by number from each user's end, int8 (K,)."""
    counts = np.diff(offsets)
    from_end = np.repeat(offsets[1:], counts) - np.arange(offsets[-1])  # 1 is the last
    enough = np.repeat(counts > 2 * hold_out, counts)
    return np.select(
        [enough & (from_end <= hold_out), enough & (from_end <= 2 * hold_out)], [TEST, VALIDATION], TRAIN
    ).astype(np.int8)


def has_categories(items: pd.DataFrame) -> bool:
    """Whether steps can be categories of products, not single products."""
    return CATEGORY in items and items[CATEGORY].nunique() > 1


def _labels(items: pd.DataFrame) -> tuple[np.ndarray, list[str]]:
    """What each item counts as, int64 (items,), and how that is called: its category, else itself."""
    if has_categories(items):
        known = items[CATEGORY].cat
        return known.codes.to_numpy(np.int64), [str(name) for name in known.categories]
    titles = items[TITLE].astype(str)
    same = titles.duplicated(keep=False)
    return np.arange(len(items)), titles.where(~same, titles + " · " + items[ITEM_ID].astype(str)).tolist()


def _vocabulary(training: np.ndarray, known_as: list[str]) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of the labels most frequent in training, in their own order, and the new code of each label."""
    counts = np.bincount(training, minlength=len(known_as))
    kept = np.sort(np.argsort(-counts, kind="stable")[:MOST_NAMES])
    kept = kept[counts[kept] > 0]
    renamed = np.full(len(known_as), len(kept), dtype=np.int64)
    renamed[kept] = np.arange(len(kept))
    names = tuple(known_as[label] for label in kept)
    return (names, renamed) if len(kept) == len(known_as) else ((*names, OTHERS), renamed)


def _main(content: pd.DataFrame) -> np.ndarray:
    """The category of most lines of each occasion, of equals that of most money, then the first."""
    order = np.lexsort([content["step"], -content["spend"], -content["lines"], content["place"]])
    ordered = content.iloc[order]
    return ordered["step"].to_numpy(np.int64)[~ordered["place"].duplicated().to_numpy()]
