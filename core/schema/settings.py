"""Settings of every part, with default, bounds and meaning. Pages take their ranges and help texts from here."""

import re
from datetime import date
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator

from core.errors import SettingsError

Split = Literal["train", "validation", "test"]
ALL, REST = "all", "rest"  # what an audit calls everybody, and everybody else
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
Moment = Literal[
    "validation", "test", "now"
]  # what lists are made for; now: all is known, and nothing judges them
KNOWN_BEFORE: dict[Moment, int] = {
    "validation": 1,
    "test": 2,
    "now": 3,
}  # windows from this one on are not known yet


class Settings(BaseModel):
    """Immutable, closed to unknown names, finite numbers only."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


TableName = Literal[
    "events",
    "users",
    "items",
    "reviews",
    "service",
    "offers",
    "coupons",
    "impressions",
    "recommendations",
    "promotions",
]
_PATH = re.compile(r"[^$.\x00-\x1f\x7f]{1,120}(\.[^$.\x00-\x1f\x7f]{1,120}){0,9}")
_DATABASE = re.compile(r"""[^/\\. "$*<>:|?\x00-\x1f\x7f]{1,63}""")


def is_path(path: str) -> bool:
    """Whether a path of a field can stand in settings."""
    return bool(_PATH.fullmatch(path))


def _named(path: str) -> str:
    """A name as a query may hold it: never an operator or a variable ($where, $$ROOT), never a control character."""
    if not is_path(path):
        raise ValueError(f"{path[:60]!r} is no name; write one such as orders or customer.id, without $")
    return path


def _database(name: str) -> str:
    if not _DATABASE.fullmatch(name):
        raise ValueError(f"{name[:60]!r} is no name of a database")
    return name


FieldPath = Annotated[str, AfterValidator(_named)]  # leads into documents within documents: customer.id
ColumnName = Annotated[str, Field(min_length=1, max_length=60)]


class CollectionSettings(Settings):
    """A collection of a MongoDB database, read as one table."""

    collection: FieldPath = Field(description="Its name")
    fields: dict[ColumnName, FieldPath] = Field(
        default_factory=dict,
        description="Column of the table: field of the documents, such as user_id: customer.id. A column that is not "
        "named is looked for under its own name; other attributes of users and items have to be named",
    )
    each: FieldPath | None = Field(
        None, description="Field with a list, such as lines of an order: each element becomes a row"
    )
    changed_at: FieldPath | None = Field(
        None,
        description="Field that tells when a document was changed; unset: changed documents are not noticed",
    )


class MongoSettings(Settings):
    """Which collections of a MongoDB database are which tables; its address comes from the environment alone."""

    database: Annotated[str, AfterValidator(_database)] | None = Field(
        None,
        description="Name of the database; unset: the one that the address names",
    )
    tables: dict[TableName, CollectionSettings] = Field(min_length=1, description="Table: its collection")


class DatasetSettings(Settings):
    """How a source becomes a prepared dataset."""

    protected: tuple[str, ...] | None = Field(
        None, description="User attributes that name protected groups; unset: those that the source names"
    )
    sample_users: int | None = Field(
        None, ge=20, description="Take only this many users (chosen by a hash of their id), for a quick look"
    )
    minimum_item_users: int = Field(
        5,
        ge=0,
        le=1000,
        description="An item is recommended only if this many users bought it before the split; 0: every item "
        "that is ever bought, as published benchmarks rank",
    )
    minimum_user_events: int = Field(
        5,
        ge=1,
        le=1000,
        description="A user counts as a buyer of items only with this many purchases before the split",
    )
    maximum_quantity: float = Field(
        50, gt=0, description="Lines with a larger quantity are sold by volume (fuel) and have no unit price"
    )
    split: Literal["temporal", "leave_one_out", "by_user"] = Field(
        "temporal",
        description="temporal: the last days of the calendar; leave_one_out: each user's last events; "
        "by_user: all events of a tenth of the users each for validation and test",
    )
    validation_days: int = Field(28, ge=1, le=730, description="Days before the test window, for tuning")
    test_days: int = Field(28, ge=1, le=730, description="Last days of the data, for the report only")
    timezone: str | None = Field(
        None, description="IANA time zone whose calendar days and weeks count; unset: the one of the source"
    )
    currency: str = Field("USD", pattern=r"^[A-Z]{3}$", description="ISO 4217 code of all prices")
    bad_rows: Literal["refuse", "set_aside"] = Field(
        "refuse",
        description="What becomes of your own tables where a row breaks the contract. refuse: nothing is prepared; "
        "set_aside: such rows are left out, and the cleaning report counts them",
    )
    mongodb: MongoSettings | None = Field(None, description="Collections to read, for the source mongodb")

    @field_validator("protected")
    @classmethod
    def _each_once(cls, protected: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return protected if protected is None else tuple(dict.fromkeys(protected))

    @field_validator("timezone")
    @classmethod
    def _timezone_is_known(cls, timezone: str | None) -> str | None:
        if timezone is not None and timezone not in available_timezones():
            raise ValueError(f"'{timezone[:40]}' is no time zone; write one such as Europe/Berlin or UTC")
        return timezone


NARROW, WIDE = 64, 128  # sizes of vectors, where the data decide
GROUP_OBJECTIVES = (  # weights of objectives that speak of groups of users
    *("adversary_weight", "group_dro_weight", "worst_group_weight", "loss_gap_weight", "mindiff_weight"),
)
ITEM_OBJECTIVES = ("exposure_weight", "diversity_weight")  # and of groups of items


class TrainSettings(Settings):
    """The recommender and its training."""

    width: int | None = Field(
        None,
        ge=8,
        le=512,
        multiple_of=8,
        description="Size of user and item vectors; unset: 128 where the next basket is predicted and items have "
        "many interactions, else 64",
    )
    layers: int = Field(2, ge=1, le=8, description="Attention blocks")
    heads: int = Field(2, ge=1, le=8, description="Attention heads; must divide the width")
    dropout: float | None = Field(
        None,
        ge=0,
        lt=0.9,
        description="Share of activations dropped while training; unset: from 0.1 where an item has thousands of "
        "interactions to 0.5 where it has few",
    )
    history_length: int = Field(256, ge=8, le=2048, description="Last events of a user that the model reads")
    id_dropout: float = Field(
        0.1, ge=0, lt=0.9, description="Share of items known by their content alone at each training step"
    )
    text: bool = Field(True, description="Read titles and descriptions of items")
    sentences: bool = Field(
        False,
        description="Read texts with a small language model too; needs requirements-text.txt, takes minutes",
    )
    protected_inputs: bool = Field(
        False, description="Let the model see protected attributes of users; the run's card says so"
    )
    ranking: bool = Field(
        True,
        description="After training, let popularity follow what people began to buy lately, and rank the best "
        "candidates once more, each where that is better on validation",
    )
    repeat_term: bool = Field(True, description="Add what the user bought before, by frequency and recency")
    seen_items: Literal["auto", "keep", "exclude"] = Field(
        "auto", description="May a list hold what the user had before? auto: as in the training data"
    )
    predict: Literal["auto", "window", "next"] = Field(
        "auto",
        description="window: all that is bought in the days after a moment; next: the next basket. "
        "auto: next where baskets hold single items",
    )
    horizon_days: int = Field(28, ge=1, le=730, description="Days of the window to predict")
    epochs: int | None = Field(
        None,
        ge=1,
        le=1000,
        description="Passes over the training data at most; unset: 3 where a window is predicted, 16 where the next "
        "basket is",
    )
    patience: int = Field(
        6, ge=1, le=100, description="Stop after this many epochs without a better validation NDCG"
    )
    batch_size: int | None = Field(
        None, ge=1, le=4096, description="Users per step; unset: 16, up to 64 where histories are short"
    )
    learning_rate: float = Field(2e-3, gt=0, le=1, description="Peak learning rate of AdamW")
    weight_decay: float = Field(0.01, ge=0, le=1, description="AdamW weight decay")
    models: tuple[Literal["behaviour", "service", "opinions"], ...] = Field(
        ("behaviour", "service", "opinions"),
        description="Further models, where the data allow: purchase intent and paths, service quality, reviews",
    )
    next_item_weight: float = Field(1.0, ge=0, le=100, description="Weight of predicting what is taken next")
    reconstruction_weight: float = Field(
        0.1, ge=0, le=100, description="Weight of telling a user's past again from the behaviour vector"
    )
    rating_weight: float = Field(
        0.1, ge=0, le=100, description="Weight of predicting ratings, where the data have any"
    )
    intent_weight: float = Field(
        0.1, ge=0, le=100, description="Weight of predicting whether a user buys within intent_days"
    )
    reactions_weight: float = Field(
        0.3,
        ge=0,
        le=100,
        description="Weight of predicting reactions to recommendations, where the data have any",
    )
    intent_days: int = Field(7, ge=1, le=365, description="Days of the question whether a user buys")
    crop: float = Field(0.0, ge=0, le=1, description="Share of histories cut to a random stretch of them")
    mask: float = Field(0.0, ge=0, lt=0.9, description="Share of baskets hidden while training")
    reorder: float = Field(
        0.0, ge=0, le=1, description="Share of histories with a shuffled stretch; single-item baskets only"
    )
    substitute: float = Field(
        0.0, ge=0, lt=0.9, description="Share of items replaced by one that is often taken with them"
    )
    fair_attribute: str | None = Field(
        None,
        description="User attribute whose groups fairness goes by; unset: the first protected one. Users without a known "
        "group, or in one of fewer than 10, count in no group",
    )
    user_weights: Literal["none", "reweighing", "group_balanced"] = Field(
        "none",
        description="reweighing: users weigh so that being active does not depend on the group; group_balanced: every "
        "group weighs the same",
    )
    item_weights: Literal["none", "popularity_balanced", "inverse_propensity"] = Field(
        "none",
        description="Weights of what is to be predicted. popularity_balanced: each third of the catalogue by popularity "
        "the same; inverse_propensity: one over the root of how often an item was taken",
    )
    decorrelate: bool = Field(
        False,
        description="Take out of the user attributes that the model reads whatever is linear in protected ones",
    )
    counterfactual: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of users read with another group's fair_attribute while training; needs protected_inputs",
    )
    adversary_weight: float = Field(
        0.0,
        ge=0,
        le=100,
        description="Weight of hiding the group from the user vectors, against an adversary",
    )
    group_dro_weight: float = Field(
        0.0, ge=0, le=100, description="Weight of groups' losses, the higher the more it counts (group DRO)"
    )
    worst_group_weight: float = Field(
        0.0, ge=0, le=100, description="Weight of the loss of the group that is worst off"
    )
    loss_gap_weight: float = Field(
        0.0, ge=0, le=100, description="Weight of the mean squared difference between groups' losses"
    )
    mindiff_weight: float = Field(
        0.0,
        ge=0,
        le=100,
        description="Weight of the distance between groups' distributions of scores of what they took (MinDiff)",
    )
    items_by: str | None = Field(
        None,
        description="Groups of items for the exposure weight: brand, category, ...; unset: popularity_band",
    )
    exposure_weight: float = Field(
        0.0, ge=0, le=100, description="Weight of item groups' attention against their share of the catalogue"
    )
    diversity_weight: float = Field(
        0.0, ge=0, le=100, description="Weight of spreading each user's attention over categories"
    )
    seed: int = Field(7, ge=0, le=2**31 - 1, description="Seed of every random number")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: CUDA if there, else CPU")

    @property
    def fairness_in_training(self) -> tuple[str, ...]:
        """The weights of fairness objectives that are on."""
        return tuple(name for name in (*GROUP_OBJECTIVES, *ITEM_OBJECTIVES) if getattr(self, name))

    @field_validator("heads")
    @classmethod
    def _heads_divide_width(cls, heads: int, info) -> int:
        width = info.data.get("width", heads)
        if (NARROW if width is None else width) % heads:
            raise ValueError("heads must divide width")
        return heads

    @field_validator("counterfactual")
    @classmethod
    def _another_group_can_be_read(cls, counterfactual: float, info) -> float:
        if counterfactual and not info.data.get("protected_inputs"):
            raise ValueError(
                "needs protected_inputs: a model that does not read the group cannot read another"
            )
        if counterfactual and info.data.get("decorrelate"):
            raise ValueError("decorrelate takes the group out of what the model reads; choose one of the two")
        return counterfactual


Attributes = Annotated[tuple[str, ...], Field(min_length=1, max_length=2)]
Share = Annotated[float, Field(gt=0, lt=1)]
LONGEST_LIST = 200  # that a run keeps of every user, and that anything is asked about


Correction = Literal["benjamini_hochberg", "benjamini_yekutieli"]


class Statistics(Settings):
    """How sure a number is, and which groups are too small for one."""

    confidence: float = Field(0.95, gt=0.5, lt=1, description="Level of the intervals")
    draws: int = Field(1000, ge=100, le=20000, description="Bootstrap draws over users")
    resample_up_to: int | None = Field(
        None,
        ge=1000,
        description="Means of larger groups are taken as normal instead of being resampled; unset: all are resampled",
    )
    permutations: int = Field(
        1000, ge=100, le=20000, description="Permutations of the group labels for the null"
    )
    false_discovery_rate: float = Field(
        0.05, gt=0, lt=0.5, description="False findings among all findings, the most expected"
    )
    correction: Correction = Field(
        "benjamini_hochberg",
        description="How tests are corrected; benjamini_yekutieli holds however they depend, and finds less",
    )
    minimum_group: int = Field(10, ge=10, description="Groups with fewer users are hidden")
    small_group: int = Field(30, ge=10, description="Groups with fewer users are greyed")
    seed: int = Field(7, ge=0, description="Seed of bootstrap and permutation")


class Scope(Settings):
    """Which part of a shop an audit looks at; unset: all of it.

    Prices, discounts and service are those of purchases and orders within the scope. Lists are judged for the users
    who bought within the stores and the period, on the items of the categories.
    """

    categories: tuple[str, ...] = Field((), description="Only products of these categories")
    stores: tuple[str, ...] = Field((), description="Only purchases in these stores (channels)")
    start: date | None = Field(None, description="Only purchases from this day on, in the shop's time zone")
    end: date | None = Field(None, description="Only purchases up to this day, included")

    @field_validator("categories", "stores")
    @classmethod
    def _each_once_in_order(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(names))

    @field_validator("end")
    @classmethod
    def _ends_after_it_starts(cls, end: date | None, info) -> date | None:
        start = info.data.get("start")
        if end is not None and start is not None and end < start:
            raise ValueError("must not be before start")
        return end


TargetKind = Literal["catalogue", "purchases", "equal", "blend"]
Bins = Annotated[
    int,
    Field(
        ge=2,
        le=12,
        description="Groups that a number with many values is cut into, with about equally many users",
    ),
]
BINS = 5


class AuditSettings(Statistics):
    """What an audit compares and when a gap matters."""

    by: tuple[Attributes, ...] = Field(min_length=1, description="Groupings: one attribute, or two crossed")
    bins: Bins = BINS
    k: int = Field(10, ge=1, le=LONGEST_LIST, description="Length of the list that a user sees")
    reference: str | None = Field(
        None, description="Compare with this group; unset: with everyone else (rest)"
    )
    tolerance: Share = Field(
        0.10, description="A gap matters from this share of the metric's overall mean upwards"
    )
    tolerances: dict[str, Share] = Field(
        default_factory=dict,
        description="Tolerance of single metrics where it differs (ndcg, recall, mrr, coverage)",
    )
    price_tolerance: Share = Field(
        0.01, description="A price gap for the same product matters from here upwards"
    )
    scope: Scope = Field(Scope(), description="Which part of the shop is looked at")
    items_by: str | None = Field(
        None,
        description="Groups of items for exposure: brand, provider_id, category, ...; unset: the first there is",
    )
    target: TargetKind = Field(
        "catalogue", description="Share of attention that a group of items should get: its share of what"
    )
    purchase_weight: float = Field(
        0.5, ge=0, le=1, description="Weight of purchases in the target blend; the rest is the catalogue"
    )
    attention: Literal["logarithmic", "geometric"] = Field(
        "logarithmic", description="How attention falls with the place in a list"
    )
    going_on: float = Field(
        0.5,
        gt=0,
        lt=1,
        description="Chance that a reader goes on to the next place; geometric attention only",
    )

    @field_validator("by")
    @classmethod
    def _each_once(cls, by: tuple[Attributes, ...]) -> tuple[Attributes, ...]:
        return tuple(dict.fromkeys(by))


class SearchSettings(Settings):
    """How long to look for better settings of a recommender."""

    trials: int = Field(
        12, ge=1, le=1000, description="Settings to try, the ones to start from included; more find better"
    )
    minutes: int | None = Field(
        None, ge=1, le=10_080, description="Stop after this many minutes of training; unset: after the trials"
    )


def parse_by(text: str) -> tuple[tuple[str, ...], ...]:
    """Groupings from text: 'age,income' is two of one attribute each, 'age*income' is one of two crossed."""
    groupings = tuple(
        tuple(part.strip() for part in word.split("*")) for word in text.split(",") if word.strip()
    )
    if not groupings or any(not all(g) or len(g) > 2 or len(set(g)) < len(g) for g in groupings):
        raise SettingsError(
            f"'{text}' names no grouping; write age,income or age*income (two crossed at most)"
        )
    return groupings


PLAINER = {  # kinds of pydantic's errors whose words mean something to programmers only
    "tuple_type": "Input should be a list, in brackets",
    "too_short": "Input should not be empty",
    "dict_type": "Input should be pairs such as {ndcg: 0.1}",
}


def settings_from(kind: type[Settings], values: dict) -> Settings:
    """Validate settings; a bad one raises SettingsError with one clear line."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "settings"
        if first["type"] == "extra_forbidden":
            raise SettingsError(
                f"'{name}' is no setting; there are {', '.join(kind.model_fields)}."
            ) from None
        problem = PLAINER.get(first["type"], first["msg"].removeprefix("Value error, "))
        raise SettingsError(f"Setting '{name}': {problem}.") from None
