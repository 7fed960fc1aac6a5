"""What the models of a run, their metrics and the rules beside them are called."""

from dataclasses import dataclass

from core.figures.text import spoken

HIGHER, LOWER = "higher is better", "lower is better"


@dataclass(frozen=True)
class Words:
    """A model's title and what it does, in one sentence."""

    title: str
    what: str


MODELS = {
    "recommender": Words("Recommender", "Ranks the whole catalogue for each user: what will be taken next."),
    "brought": Words(
        "Lists of another system", "What another system recommends to each user; nothing was trained here."
    ),
    "cold_start": Words(
        "New products", "Ranks products that were held out of training, by their content alone."
    ),
    "intent": Words("Purchase intent", "The probability that a user buys within so many days."),
    "categories": Words("Next category", "Which category a user's next purchase is of."),
    "paths": Words("Purchase paths", "Which way a user's next steps go, from category to category."),
    "satisfaction_at_order": Words("Satisfaction, at order", "How satisfied a user will be with an order."),
    "satisfaction_at_review": Words(
        "Satisfaction, at review",
        "The same, asked when it is known whether the order has arrived, and how late.",
    ),
    "delivery_delay": Words("Delivery delay", "How many days after the promised day an order arrives."),
    "delivery_days": Words("Delivery time", "How many days an order takes to arrive."),
    "rating": Words("Rating", "How many points a user gives a product."),
    "fairness": Words(
        "Fairness in training", "What a probe can read of a user's group from what the model learnt or reads."
    ),
    "opinions": Words("Reading of reviews", "Which aspects reviews praise and which they criticise."),
}

RULES = {
    "recency_frequency": "logistic regression on recency, frequency and spend",
    "same_features": "logistic regression on all features of the model",
    "markov": "first-order Markov chain",
    "own_frequency": "the user's own frequencies",
    "popularity": "popularity",
    "mean": "the mean",
    "median": "the median",
    "bias_mean": "user mean + item mean",
    "bias_median": "user and item medians",
    "linear": "linear regression on the order's numbers",
    "histories": "the same probe on what users took",
    "unchanged": "the same probe on attributes as they were",
}

_WITHIN_DAYS = frozenset({"auc", "brier", "log_loss", "ece"})  # `auc@7`: of the question about 7 days
_METRICS = {
    "auc": ("AUC", HIGHER),
    "sentence_auc": ("AUC of single sentences", HIGHER),
    "balanced_accuracy": ("Balanced accuracy", HIGHER),
    "brier": ("Brier score", LOWER),
    "log_loss": ("Log loss", LOWER),
    "log_likelihood": ("Log likelihood", HIGHER),
    "ece": ("Calibration error", LOWER),
    "calibration_error": ("Calibration error", LOWER),
    "hit": ("Hit rate", HIGHER),
    "path_hit": ("Whole path hit", HIGHER),
    "mae": ("Mean absolute error", LOWER),
    "rmse": ("Root mean squared error", LOWER),
    "coverage": ("Share inside the 90 % interval", None),
    "width": ("Width of the 90 % interval", LOWER),
    "probe_state": ("AUC of a probe on the state that scores items", None),
    "probe_user": ("AUC of a probe on the user vector", None),
    "probe_inputs": ("AUC of a probe on the user attributes read", None),
    "flip_change": ("Share of the top 10 that another group's attribute changes", LOWER),
    "ndcg": ("NDCG", HIGHER),
    "recall": ("Recall", HIGHER),
    "mrr": ("MRR", HIGHER),
}


def model_words(name: str) -> Words:
    """Of any report; one that is not known is called by its name."""
    return MODELS.get(name, Words(spoken(name), ""))


def rule_title(name: str) -> str:
    """What a baseline is called in a sentence."""
    return RULES.get(name, spoken(name))


def metric_title(name: str) -> str:
    """`auc@7` -> `AUC · 7 days`, `hit@3` -> `Hit rate@3`."""
    base, at, number = name.partition("@")
    title = _METRICS.get(base, (spoken(base), None))[0]
    if base in _WITHIN_DAYS and at:
        return f"{title} · {number} days"
    return f"{title}{at}{number}"


def direction(name: str) -> str | None:
    """Which way a metric is better; None where neither is, or it is not known."""
    return _METRICS.get(name.partition("@")[0], (None, None))[1]
