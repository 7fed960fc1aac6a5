"""The documents of the store: datasets, runs, jobs, policies. Each commits the artefacts that it refers to."""

import re
import secrets
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

ID_PATTERN = re.compile(r"^[a-z][a-z0-9_-]{2,63}$")
DATASETS, RUNS, JOBS, SEARCHES = "datasets", "runs", "jobs", "searches"
FRONTIERS, CONFIRMATIONS, EXPLANATIONS = "frontiers", "confirmations", "explanations"
POLICIES, PUBLICATIONS, RECOMMENDATIONS, SERVINGS = "policies", "publications", "recommendations", "servings"
REPORTS, SIMULATIONS = "reports", "simulations"
MAPPINGS, ORIGINS = "mappings", "origins"
FEEDBACK, COMPARISONS = "feedback", "comparisons"
DECISIONS, GOVERNANCE, TRAIL = "decisions", "governance", "trail"


def new_id(kind: str) -> str:
    """A fresh server-made id such as `run-k3v9x2m4q7ab`; safe in paths, links and queries."""
    alphabet = "abcdefghijkmnpqrstuvwxyz23456789"
    return f"{kind}-{''.join(secrets.choice(alphabet) for _ in range(12))}"


def now() -> str:
    """The present in UTC, ISO 8601 with seconds; documents hold times as text so that every store keeps them alike."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Document(BaseModel):
    """A typed document; `id` is the store's `_id`."""

    model_config = ConfigDict(populate_by_name=True, allow_inf_nan=False, extra="ignore")

    id: str = Field(alias="_id", pattern=ID_PATTERN.pattern)

    def dump(self) -> dict[str, Any]:
        """The document as the store keeps it."""
        return self.model_dump(mode="json", by_alias=True)


class Artefact(BaseModel):
    """A file under the workspace: path relative to the artefact folder, content hash, size in bytes."""

    path: str
    sha256: str
    bytes: int


class RuleCount(BaseModel):
    """What one cleaning rule did: `read` rows looked at, `affected` of them, and what became of those."""

    table: str
    rule: str
    action: Literal["dropped", "repaired", "kept"]
    read: int
    affected: int
    note: str


class Dataset(Document):
    """A prepared dataset."""

    name: str
    source: str
    settings: dict[str, Any]
    created_at: str
    quality: list[RuleCount]
    counts: dict[str, int]  # users, items, catalogue, events, events per split, baskets, ...
    period: dict[str, str]  # start, validation_start, test_start, end (ISO dates)
    attributes: list[str]  # user attributes that can name groups
    protected: list[str]
    missing: dict[str, str]  # what the data cannot support -> table and column that it would need
    tables: dict[str, Artefact]
    notes: list[str] = []
    first: str | None = None  # the dataset that its line began with; None: this one
    feedback: list[str] = []  # ids of the feedback that is among the tables

    @property
    def line(self) -> str:
        """The first dataset of those prepared one after the other from one shop's data: what is published, and the
        feedback on it, belong to all of them."""
        return self.first or self.id


class SourceFile(BaseModel):
    """A file that a dataset was prepared from."""

    name: str  # within the folder
    sha256: str
    lines: int | None  # rows, where they can be counted


class Origin(Document):
    """Where a dataset came from, by its id: for this installation alone, in no export."""

    path: str | None
    files: list[SourceFile]


class ColumnMapping(Document):
    """Which columns of a file are which columns of a table; the id follows from the table and the file's columns."""

    name: str
    table: str
    columns: dict[str, str]  # column of the table: column of the file
    keep: list[str] = []  # further columns of the file that come along under their own names
    header: list[str]  # all columns of the file
    created_at: str


class Epoch(BaseModel):
    """One pass over the training data."""

    epoch: int
    loss: float
    losses: dict[str, float] = {}  # of each objective, not weighted
    validation_ndcg: float
    seconds: float


class Measured(BaseModel):
    """A number with its 95 % interval (None where there is none) and how many users or rows stand behind it."""

    value: float
    low: float | None = None
    high: float | None = None
    n: int


class ModelReport(BaseModel):
    """How good one model of a run is on held-out data, beside rules that it has to beat.

    `metrics` and `baselines` share the names of metrics; `notes` are plain sentences for the model card: what the
    model was trained on, where it does not beat a baseline, what the data cannot support.
    """

    metrics: dict[str, Measured]
    baselines: dict[str, dict[str, Measured]] = {}
    notes: list[str] = []


class Run(Document):
    """A trained run, or lists that were brought in, with everything that an audit needs."""

    dataset: str
    name: str
    brought: bool = False  # another system made the lists: there are no weights, settings or further models
    settings: dict[str, Any]
    created_at: str
    device: str
    device_reason: str
    seconds: float
    sequences_per_second: float
    history: list[Epoch]
    metrics: dict[str, dict[str, float]]  # split -> metric@k -> mean over users
    baselines: dict[str, dict[str, dict[str, float]]]  # split -> baseline -> metric@k -> mean
    reports: dict[str, ModelReport] = {}  # service, intent, categories, paths, cold_start, ... where trained
    follows: str | None = None  # the run whose weights training began with
    feedback: list[str] = []  # ids of the feedback that it learnt from
    artefacts: dict[
        str, Artefact
    ]  # weights, candidates_validation, candidates_test, per_user_validation, ...


class SearchTrial(BaseModel):
    """One training with settings that a search tried."""

    number: int  # from 1; the first has the settings that the search started from
    params: dict[str, int | float]  # the settings that the search varies
    state: Literal["complete", "stopped", "failed"]  # stopped: no better than half of the others by then
    value: float | None  # best validation NDCG@10 of its epochs
    epochs: int
    seconds: float
    problem: str | None = None  # why it failed


class Search(Document):
    """A search for better settings, as far as it has come."""

    dataset: str
    base: dict[str, Any]  # the settings that it started from
    settings: dict[str, Any]
    created_at: str
    finished: bool  # all trials or minutes that were asked for are spent
    trials: list[SearchTrial]
    best: int  # number of the complete trial with the highest value
    importances: dict[str, float] = {}  # share of the differences between trials; empty while they are few

    @property
    def first_trial(self) -> SearchTrial:
        """The trial with the settings that the search started from."""
        return self.trials[0]

    @property
    def best_trial(self) -> SearchTrial:
        """The trial that did best."""
        return self.trials[self.best - 1]

    @property
    def best_settings(self) -> dict[str, Any]:
        """Training settings as JSON: those that it started from, with what the best trial changed."""
        first = self.first_trial.params
        changed = {name: value for name, value in self.best_trial.params.items() if value != first[name]}
        return self.base | changed


JobState = Literal["queued", "running", "done", "failed", "cancelled"]
TERMINAL: frozenset[str] = frozenset({"done", "failed", "cancelled"})


class JobProgress(BaseModel):
    """Where a job stands; `seconds_left` is unknown (None) until there is something to go by."""

    stage: str = "Waiting"
    fraction: float = 0.0
    message: str = ""
    seconds_left: float | None = None


class Job(Document):
    """A piece of long work for a worker process."""

    kind: str
    params: dict[str, Any]
    state: JobState = "queued"
    progress: JobProgress = JobProgress()
    attempt: int = 0  # fencing token: rises with each claim
    losses: int = 0  # times in a row that its worker was lost before it got further
    furthest: float = 0.0  # fraction at which the last worker was lost
    worker: str | None = None
    heartbeat: str | None = None
    log: list[str] = []  # last lines
    error: str | None = None
    result: dict[str, Any] | None = None
    cancel_requested: bool = False
    code_version: str = ""
    created_at: str
    started_at: str | None = None
    finished_at: str | None = None


class LeftOut(BaseModel):
    """Settings that a frontier could not try, and why not."""

    step: str
    reason: str
    points: int


class FrontierPoint(BaseModel):
    """One policy of a frontier: its re-ranker, and the setting that is its knob; None where it has none."""

    step: str
    knob: str | None
    position: float | None
    policy: dict[str, Any]


class Frontier(Document):
    """Accuracy against disparities of many policies for one run, on validation; the table has the numbers of each."""

    run: str
    dataset: str
    created_at: str
    settings: dict[str, Any]  # AuditSettings: groups of users and of items, target, k, statistics
    against: dict[str, Any]  # PolicySettings: what every point is held against
    target: str  # in words
    measures: list[str]  # accuracy, spending met where there are prices, then disparities
    points: list[FrontierPoint]  # the first is the policy that all are held against
    left_out: list[LeftOut]
    users: int  # with candidates
    buyers: int  # of them, those whose lists can be judged
    seconds: float
    table: Artefact


class ExplainedModel(Document):
    """One model of a run taken apart for many users; the tables have the attributions, and what features tell."""

    run: str
    dataset: str
    created_at: str
    subject: str  # such as intent_7
    title: str
    unit: str  # of the output and of attributions
    features: list[str]
    expected: float  # mean output over what is usual
    allowed: float  # what a row's sum may be off
    usual: int  # rows compared with
    users: int
    incomplete: int  # rows whose sum is further off than allowed
    worst_error: float
    seconds: float
    tables: dict[str, Artefact]


class Confirmation(Document):
    """A policy held against another one on the test split, once."""

    run: str
    number: int  # of this run, from 1
    created_at: str
    policy: dict[str, Any]
    against: dict[str, Any]
    settings: dict[str, Any]
    rows: list[
        dict[str, Any]
    ]  # of each measure: value, low, high, change, change_low, change_high, p_value, n


class Policy(Document):
    """A policy that somebody answers for; never changed, saving again makes the next version."""

    dataset: str  # the line of datasets (see `Dataset.line`)
    run: str  # whose candidates it was made for
    name: str
    version: int  # of this name and line, from 1
    aim: str
    author: str
    note: str
    created_at: str
    settings: dict[str, Any]  # PolicySettings, those included that were left at their default
    measured: dict[str, Any] | None  # what it did on validation (TradeOff); None where that was not looked at

    @property
    def reference(self) -> str:
        """Its name and version, as people write them."""
        return f"{self.name}@{self.version}"


class Publication(Document):
    """Everybody's lists under a policy: rows in the store, of which only the latest are kept, and a table of all."""

    dataset: str  # the line of datasets (see `Dataset.line`)
    policy: str
    run: str
    split: Literal["validation", "test", "now"]  # what the lists know: all before that
    created_at: str
    k: int
    users: int  # with a list
    notes: list[str]  # what the steps of the policy said
    table: Artefact  # user_id, item_id, rank, score
    origin: str  # the publication whose lists these are: itself, unless it was restored for a rollback
    state: Literal["writing", "stored", "sweeping", "gone"]  # of the rows
    beat: str  # when somebody last needed the rows


class Serving(Document):
    """From when on a publication is the one that the shop reads; the highest number is the present one."""

    dataset: str  # the line of datasets (see `Dataset.line`)
    number: int  # of this line, from 1
    publication: str
    policy: str
    author: str
    at: str
    by: Literal["publish", "rollback"]
    replaced: str | None  # the publication served until then
    job: str | None = None  # what it was done for: a second attempt finds it done


class Simulation(Document):
    """A feedback loop in made shops; the table has each measure of each policy in each round."""

    created_at: str
    settings: dict[str, Any]  # SimulationSettings
    seconds: float
    table: Artefact


class Feedback(Document):
    """Reactions to recommendations that came together: rows of one table, never changed; the id follows from them."""

    line: str  # of datasets (see `Dataset.line`)
    dataset: str  # whose users and items they were held against
    table: Literal["impressions", "service"]
    origin: Literal["file", "mongodb", "hand"]
    name: str  # of the file or collection, or what the analyst judged
    who: str
    created_at: str
    count: int  # rows that can be used
    reactions: dict[str, int]  # shown, clicked, bought, dismissed, rated, complained: rows that say so
    period: tuple[str, str] | None  # first and last time of the rows, ISO; None without any
    aside: list[RuleCount]  # rows that could not be used, by reason
    rows: Artefact  # columns of the contract, with the shop's own ids
    kept_aside: Artefact | None  # the unusable rows as they came, with `reason`


class Comparison(Document):
    """A run held against the one that it follows: the same questions of the same users, on the newer data's test split."""

    old: str
    new: str
    dataset: str  # of the new run
    created_at: str
    users: int  # with answers, the same for both
    k: int
    rows: list[dict[str, Any]]  # of `core.fairness.compare`, with `old`, `new` and `change`
    notes: list[str]
    per_user: Artefact  # metrics of the old run on the new run's test question


class KeptReport(Document):
    """A fairness report that was made on a page: what it says first, and its files."""

    run: str
    dataset: str
    created_at: str
    split: str
    groupings: list[list[str]]
    k: int
    policy: str | None  # name@version
    headline: str
    answer: list[str]
    page: Artefact  # HTML
    content: Artefact  # JSON
    content_schema: Artefact  # JSON Schema of that


class Decision(Document):
    """What somebody decided about a saved policy; the highest number says where it stands."""

    policy: str
    dataset: str  # the line of datasets (see `Dataset.line`)
    number: int  # of this policy, from 1
    decided: Literal["proposed", "approved", "returned"]
    content: str = ""  # SHA-256 of the policy as it was then; unknown in the earliest documents
    author: str
    comment: str
    at: str


class Governance(Document):
    """What this workspace asks of those who work in it, from then on; the highest number holds."""

    number: int  # from 1
    settings: dict[str, Any]  # GovernanceSettings
    author: str
    at: str


Deed = Literal[
    "prepared",
    "trained",
    "imported",
    "tuned",
    "compared",
    "saved",
    "confirmed",
    "published",
    "rolled_back",
    "exported",
    "proposed",
    "approved",
    "returned",
    "governed",
    "acknowledged",
    "found",
    "collected",
    "held_against",
]


class TrailEntry(Document):
    """One deed: who did what to what. Its hash covers every other field, the hash of the entry before it included."""

    number: int  # from 1
    at: str
    who: str
    did: Deed
    about: dict[str, str]  # ids: dataset, run, policy, publication, ...
    details: dict[str, str | int | bool | None]
    previous: str  # hash of the entry before; a fixed word for the first
    hash: str

    @field_validator("at")
    @classmethod
    def _a_time(cls, at: str) -> str:
        try:
            datetime.fromisoformat(at).astimezone(UTC)
        except OverflowError:
            raise ValueError("is no time") from None
        return at
