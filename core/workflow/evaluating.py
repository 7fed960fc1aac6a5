"""What to tell a customer of a product: reviews are read once at training, each evaluation is then quick."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from core.data.dataset import load, table
from core.data.purchases import purchases
from core.data.splits import TEST
from core.data.support import TIMING
from core.errors import NotFound
from core.fairness.suppression import SHOWN, group_states
from core.opinions.evaluate import ProductEvaluation, Shop, evaluate_product
from core.opinions.likeness import MINIMUM_GROUP, Population, same_attribute, same_taste
from core.opinions.polarity import Reader, TooFewReviews
from core.opinions.ratings import ExpectedRating, scale
from core.opinions.reading import AUC, Opinions, read_opinions
from core.progress import Progress, quiet
from core.schema.documents import Dataset, Measured, ModelReport, Run
from core.schema.settings import TrainSettings
from core.schema.tables import (
    EVENT,
    EXPECTED,
    HIGH,
    ITEM,
    LOW,
    OUTCOME,
    RATING,
    REVIEW,
    SPLIT,
    TEXT,
    TIMESTAMP,
    TITLE,
    USER,
)
from core.store.workspace import Workspace
from core.train.conformal import COVERAGE
from core.workflow.chapter import Chapter
from core.workflow.runs import run_table
from core.workflow.service import PREDICTIONS

REPORT, REMARKS, READER = "opinions", "remarks", "opinions_reader"
REVIEWS = "reviews"
WANTED = (USER, ITEM, TIMESTAMP, RATING, TITLE, TEXT)
NO_REVIEWS, NO_TEXT = "The data have no reviews", "The reviews have no text"


def opinions_chapter(
    workspace: Workspace, dataset: Dataset, settings: TrainSettings, progress: Progress = quiet
) -> Chapter | None:
    """Read all reviews: their remarks, the reader that found them, and how well it reads. None without reviews."""
    if REVIEWS not in dataset.tables:
        return None
    reviews = _reviews(workspace.artefacts.file(dataset.tables[REVIEWS]))
    if not _texts(reviews):
        return _lacking(f"{NO_TEXT}: product evaluations rest on ratings alone.")
    try:
        opinions = read_opinions(reviews, seed=settings.seed, progress=progress)
    except TooFewReviews as reason:
        return _lacking(str(reason))
    weights = {"weights": torch.from_numpy(opinions.reader.weights)}
    scaling = torch.tensor([opinions.reader.slope, opinions.reader.intercept], dtype=torch.float64)
    return Chapter(
        {REPORT: _report(opinions, reviews)},
        {REMARKS: opinions.remarks},
        {READER: (weights | {"scaling": scaling}, "{}")},
    )


def _lacking(reason: str) -> Chapter:
    return Chapter({REPORT: ModelReport(metrics={}, notes=[reason])})


def _report(opinions: Opinions, reviews: pd.DataFrame) -> ModelReport:
    read = opinions.remarks[REVIEW].nunique()
    n = opinions.metrics[AUC].n if opinions.metrics else 0
    coin = {AUC: Measured(value=0.5, n=n), "balanced_accuracy": Measured(value=0.5, n=n)} if n else {}
    notes = [
        f"{len(opinions.remarks):,} remarks on aspects in {read:,} of {len(reviews):,} reviews.",
        "Praise and criticism were learnt from ratings alone, without a list of good and bad words; measured on "
        "reviews of customers who were not learnt from.",
    ]
    return ModelReport(metrics=opinions.metrics, baselines={"one answer for all": coin}, notes=notes)


def product_evaluation(
    workspace: Workspace,
    where: Run | Dataset,
    *,
    user: int,
    item: int,
) -> ProductEvaluation:
    """The evaluation of a product (item code) for a customer (user code).

    With a run, the remarks are those read at training; with a dataset, or a run that has none, all reviews are read
    here, once per process. Purchases count up to the start of the test window; reviews without regard to time.

    The rating that the service model predicted is used where the two are a held-out row of it.

    Raises:
        NotFound: no such user or item.
    """
    dataset = load(workspace, where.dataset) if isinstance(where, Run) else where
    users, items = table(workspace, dataset, "users"), table(workspace, dataset, "items")
    for code, rows, name in ((user, users, "user"), (item, items, "item")):
        if not 0 <= code < len(rows):
            raise NotFound(f"There is no {name} of code {code}; {dataset.name} has {len(rows):,}.")
    shop = _shop(workspace, where, dataset, items, n_users=len(users))
    taste = same_taste(shop.bought[USER].to_numpy(), shop.bought[ITEM].to_numpy(), user, n_users=len(users))
    alike = list(_alike(dataset, users, user, np.arange(len(users))))
    reviewing = (
        [] if shop.reviews is None else list(_alike(dataset, users, user, _reviewers(shop, user, item)))
    )
    return evaluate_product(
        user,
        item,
        shop,
        like=[taste, *alike],
        reviewing=[taste, *reviewing],
        expected=_predicted(workspace, where, shop, user, item),
    )


def _predicted(
    workspace: Workspace, where: Run | Dataset, shop: Shop, user: int, item: int
) -> ExpectedRating | None:
    """What the service model, which did not learn from it, predicted of this customer's rating of the product."""
    if not isinstance(where, Run) or PREDICTIONS not in where.artefacts or shop.reviews is None:
        return None
    columns = [USER, ITEM, OUTCOME, EXPECTED, LOW, HIGH, SPLIT]
    rows = run_table(workspace, where, PREDICTIONS, columns)
    rows = rows[
        (rows[USER] == user) & (rows[ITEM] == item) & (rows[OUTCOME] == RATING) & (rows[SPLIT] == TEST)
    ]
    if rows.empty:
        return None
    value, low, high = (float(number) for number in rows[[EXPECTED, LOW, HIGH]].iloc[-1])
    others = shop.reviews[(shop.reviews[ITEM] == item) & (shop.reviews[USER] != user)]
    measured = Measured(value=value, low=low, high=high, n=int(others[RATING].notna().sum()))
    return ExpectedRating(measured, "service model", *scale(shop.reviews), confidence=COVERAGE)


def _alike(dataset: Dataset, users: pd.DataFrame, user: int, shown: np.ndarray) -> Iterator[Population]:
    """Customers of the user's group by each attribute, where the group may be spoken of among the `shown` users."""
    for name in dict.fromkeys([*dataset.protected, *dataset.attributes]):
        codes = users[name].cat.codes.to_numpy()
        counts = np.bincount(codes[shown], minlength=len(users[name].cat.categories))
        population = same_attribute(users, user, name)
        if population is not None and group_states(counts, MINIMUM_GROUP)[codes[user]] == SHOWN:
            yield population


def _reviewers(shop: Shop, user: int, item: int) -> np.ndarray:
    """Distinct other users who reviewed the item."""
    found = np.unique(shop.reviews[USER].to_numpy()[shop.reviews[ITEM].to_numpy() == item])
    return found[found != user]


def _shop(
    workspace: Workspace, where: Run | Dataset, dataset: Dataset, items: pd.DataFrame, *, n_users: int
) -> Shop:
    bought = _bought(workspace.artefacts.file(dataset.tables["events"]))
    if TIMING in dataset.missing:
        bought = bought.drop(columns=TIMESTAMP)
    known = {"n_users": n_users, "items": items, "bought": bought, "currency": dataset.settings["currency"]}
    if REVIEWS not in dataset.tables:
        return Shop(**known, unread=NO_REVIEWS)
    file = workspace.artefacts.file(dataset.tables[REVIEWS])
    reviews = _reviews(file)
    if not _texts(reviews):
        return Shop(**known, reviews=reviews, unread=NO_TEXT)
    return Shop(**known, reviews=reviews, **(_read_at_training(workspace, where) or _read_here(file)))


def _read_at_training(workspace: Workspace, where: Run | Dataset) -> dict[str, Any] | None:
    """`remarks` and `reader` of the run, if it keeps them."""
    if not isinstance(where, Run) or not {REMARKS, READER} <= where.artefacts.keys():
        return None
    tensors = workspace.artefacts.read_tensors(where.artefacts[READER])
    slope, intercept = tensors["scaling"].tolist()
    reader = Reader(tensors["weights"].numpy(), slope, intercept)
    return {"remarks": run_table(workspace, where, REMARKS), "reader": reader}


@lru_cache(maxsize=2)  # an artefact's file never changes
def _read_here(file: Path) -> dict[str, Any]:
    """`remarks` and `reader`, or why there are none (`unread`)."""
    try:
        opinions = read_opinions(_reviews(file))
    except TooFewReviews as reason:
        return {"unread": str(reason).rstrip(".")}
    return {"remarks": opinions.remarks, "reader": opinions.reader}


@lru_cache(maxsize=2)
def _bought(file: Path) -> pd.DataFrame:
    """Purchases before the test window; not to be written to."""
    events = pd.read_parquet(file, columns=[USER, ITEM, TIMESTAMP, EVENT, SPLIT])
    return events.loc[(events[SPLIT] < TEST) & purchases(events), [USER, ITEM, TIMESTAMP]]


@lru_cache(maxsize=2)
def _reviews(file: Path) -> pd.DataFrame:
    """The reviews of a dataset, by row; not to be written to."""
    reviews = pd.read_parquet(file)
    return reviews[[name for name in WANTED if name in reviews]]


def _texts(reviews: pd.DataFrame) -> bool:
    return any(reviews[name].notna().any() for name in (TITLE, TEXT) if name in reviews)
