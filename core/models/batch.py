"""From moments in users' lives to the tensors that the model reads."""

from dataclasses import dataclass, fields, replace
from typing import Literal

import numpy as np
import torch

from core.data.inputs import SECONDS_PER_DAY
from core.models.history import HALF_LIVES, History, Moments, ranges
from core.models.trends import FEATURES as TREND_FEATURES

GAP_BUCKETS, SIZE_BUCKETS = 64, 16
REPEAT_FEATURES = (
    "times taken",
    *(f"times taken, half-life {days:g} days" for days in HALF_LIVES),
    "days since taken",
    "usual days between",
    "days since taken against usual",
    "share of baskets",
    "baskets of the user",
    "days known",
    "days since last basket",
    *TREND_FEATURES,
)


# What a batch tells of the items that its users took before: nothing, which they are, or also how often and when.
Past = Literal["nothing", "items", "features"]


@dataclass(frozen=True)
class Seen:
    """What each moment's user took before, sorted by moment.

    Attributes:
        moments, items: int64 (R,); with features one entry per (moment, item), otherwise one per line.
        features: float32 (R, len(REPEAT_FEATURES)), logarithms, not yet scaled; None where only items are told.
        offsets: int64 (N+1,), entries of each moment; stays on the CPU.
    """

    moments: torch.Tensor
    items: torch.Tensor
    features: torch.Tensor | None
    offsets: torch.Tensor


@dataclass(frozen=True)
class Batch:
    """B users with at most T baskets each, asked at N moments; all tensors int64 unless said otherwise.

    Attributes:
        users, length: B, T.
        line_items, line_events: (L,), the lines of all baskets; token_starts: (K,), where each basket begins.
        token_slots: (K,), place of each basket in the padded (B * T) grid.
        token_gaps, token_sizes: (K,), buckets of days since the basket before, and of lines.
        token_days: float32 (K,), days from the user's latest basket here back to each basket, at most 0.
        token_kept: float32 (K,), 0 for baskets that augmentation hides; None where it hides none.
        moment_rows: (N,), which of the B users each moment belongs to.
        moment_slots: (N,), grid place of the last basket before each moment; -1 where there is none.
        moment_gaps: (N,), bucket of days since that basket.
        user_attributes: (B, A), codes of the users' attributes that the model may see.
        user_features: float32 (B, F), numbers in their place.
        seen: what the users took before; None where that is not told.
    """

    users: int
    length: int
    line_items: torch.Tensor
    line_events: torch.Tensor
    token_starts: torch.Tensor
    token_slots: torch.Tensor
    token_gaps: torch.Tensor
    token_sizes: torch.Tensor
    token_days: torch.Tensor
    moment_rows: torch.Tensor
    moment_slots: torch.Tensor
    moment_gaps: torch.Tensor
    user_attributes: torch.Tensor
    user_features: torch.Tensor
    seen: Seen | None
    token_kept: torch.Tensor | None = None

    def to(self, device: torch.device) -> "Batch":
        """The same batch on a device."""
        seen = self.seen and replace(_moved(self.seen, device), offsets=self.seen.offsets)
        return replace(_moved(self, device), seen=seen)


def _moved(part, device: torch.device):
    tensors = {f.name: getattr(part, f.name) for f in fields(part)}
    return replace(part, **{n: t.to(device) for n, t in tensors.items() if isinstance(t, torch.Tensor)})


def collate(
    history: History,
    moments: Moments,
    *,
    length: int,
    past: Past,
    oldest: np.ndarray | None = None,
) -> Batch:
    """Gather what is known at each moment.

    Args:
        moments: sorted by user (`users` non-decreasing).
        length: baskets per user that the attention reads: the last ones before the user's latest moment.
            Moments before all of those see no basket (slot -1).
        past: what to tell of the items that each user took before, whatever the length.
        oldest: (B,), the first token of each user that may be read; unset: the user's first.
    """
    new_user = np.flatnonzero(np.diff(moments.users, prepend=-1))
    users = moments.users[new_user]
    row = np.repeat(
        np.arange(len(users)), np.diff(new_user, append=len(moments.users))
    )  # (N,) row of the grid
    end = np.maximum.reduceat(moments.tokens, new_user)
    begin = np.maximum(history.token_offsets[users] if oldest is None else oldest, end - length)
    n_tokens = np.maximum(end - begin, 0)
    width = max(int(n_tokens.max()), 1)
    tokens = ranges(begin, n_tokens)
    starts, sizes = history.token_lines[tokens], history.token_lines[tokens + 1] - history.token_lines[tokens]
    lines = ranges(starts, sizes)
    place = moments.tokens - 1 - begin[row]
    since = moments.times - _last_time(history, moments)
    arrays = {
        "line_items": history.items[lines],
        "line_events": history.events[lines],
        "token_starts": np.cumsum(sizes) - sizes,
        "token_slots": np.repeat(np.arange(len(users)) * width - begin, n_tokens) + tokens,
        "token_gaps": _gap_bucket(_gap_before(history, users, tokens, n_tokens)),
        "token_sizes": np.minimum(2 * np.log2(sizes), SIZE_BUCKETS - 1).astype(np.int64),
        "token_days": _days_before_last(history, begin, end, tokens, n_tokens),
        "moment_rows": row,
        "moment_slots": np.where(place >= 0, row * width + place, -1),
        "moment_gaps": _gap_bucket(since),
        "user_attributes": history.user_attributes[users],
        "user_features": history.user_features[users],
    }
    return Batch(
        users=len(users),
        length=width,
        **{name: torch.from_numpy(array) for name, array in arrays.items()},
        seen=None if past == "nothing" else _seen(history, moments, with_features=past == "features"),
    )


def _last_time(history: History, moments: Moments) -> np.ndarray:
    """When each moment's user was last seen, seconds (N,); the moment itself for a user never seen."""
    if not len(history.token_times):
        return moments.times
    seen = moments.tokens > history.token_offsets[moments.users]
    return np.where(seen, history.token_times[np.maximum(moments.tokens - 1, 0)], moments.times)


def _gap_before(history: History, users: np.ndarray, tokens: np.ndarray, n_tokens: np.ndarray) -> np.ndarray:
    """Seconds between each token and the same user's one before (0 for the first), (K,)."""
    first = np.repeat(history.token_offsets[users], n_tokens)
    return history.token_times[tokens] - history.token_times[np.maximum(tokens - 1, first)]


def _days_before_last(
    history: History, begin: np.ndarray, end: np.ndarray, tokens: np.ndarray, n_tokens: np.ndarray
) -> np.ndarray:
    """Days from each user's token before `end` (B,) back to each token, float32 (K,), at most 0."""
    last = np.repeat(np.maximum(end - 1, begin), n_tokens)
    return ((history.token_times[tokens] - history.token_times[last]) / SECONDS_PER_DAY).astype(np.float32)


def _gap_bucket(seconds: np.ndarray) -> np.ndarray:
    """Logarithmic buckets: about 4 hours wide near zero, 16 % wide later, the last from some 25 years."""
    return np.minimum(6 * np.log1p(4 * seconds / SECONDS_PER_DAY), GAP_BUCKETS - 1).astype(np.int64)


def _seen(history: History, moments: Moments, *, with_features: bool) -> Seen:
    """The lines that lie before each moment; with features, as of the moment, the latest of each item alone."""
    begin = history.line_offsets[moments.users]
    known = moments.lines - begin
    moment = np.repeat(np.arange(len(begin)), known)
    line = ranges(begin, known)
    features = None
    if with_features:
        latest = history.next_same[line] >= moments.lines[moment]
        moment, line = moment[latest], line[latest]
        features = torch.from_numpy(_features(history, moments, moment, line))
    return Seen(
        moments=torch.from_numpy(moment),
        items=torch.from_numpy(history.items[line]),
        features=features,
        offsets=torch.from_numpy(np.searchsorted(moment, np.arange(len(begin) + 1))),
    )


def _features(history: History, moments: Moments, moment: np.ndarray, line: np.ndarray) -> np.ndarray:
    """REPEAT_FEATURES of lines as of their moments, float32 (R, F); counts never fall below 1."""
    day = np.float32(SECONDS_PER_DAY)
    time, times = moments.times[moment], history.times[line]
    since = (time - times) / day
    count = history.counts[line, 0]
    usual = (times - history.first_times[line]) / day / np.maximum(count - 1, 1)
    decayed = history.counts[line, 1:] * np.exp2(-since[:, None] / np.array(HALF_LIVES, np.float32))
    baskets = np.maximum(moments.tokens - history.token_offsets[moments.users], 1)
    first = history.token_times[history.token_offsets[moments.users[moment]]]
    again = count > 1
    columns = [
        np.log(count)[:, None],
        np.log(decayed + 1e-3),
        np.log1p(since)[:, None],
        (np.log1p(usual) * again)[:, None],
        ((np.log1p(since) - np.log1p(usual)) * again)[:, None],
        np.log(count / baskets[moment])[:, None],
        np.log(baskets)[moment, None],
        np.log1p((time - first) / day)[:, None],
        np.log1p((moments.times - _last_time(history, moments)) / day)[moment, None],
        history.trends.table[history.trends.rows(time), history.items[line]],
    ]
    return np.concatenate(columns, axis=1).astype(np.float32)
