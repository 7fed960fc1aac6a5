"""Settings of every re-ranker that move something on the slice of a real shop, and such that move nothing."""

from core.schema.policies import PolicySettings, Step
from core.schema.settings import TrainSettings
from core.workflow.policies.ground import PROVIDER_SIZE

K = 10
QUICK = TrainSettings(width=16, layers=1, epochs=1, history_length=64, models=(), ranking=False, device="cpu")
MOVES = {  # settings of each re-ranker that change something here
    "calibrated": {"items_by": "category", "strength": 0.5},
    "two_sided_calibration": {"items_by": PROVIDER_SIZE, "strength": 0.5, "target": "equal"},
    "exposure_limits": {"items_by": "brand", "floor": 1.0},
    "max_min_exposure": {"items_by": "price_band", "strength": 0.2},
    "greedy_exposure": {"items_by": "brand", "strength": 5},
    "propensity": {"strength": 0.5},
    "two_sided_penalty": {"items_by": "popularity_band", "by": "age", "user_group": "45-54", "items": 0.05},
    "price_guard": {"by": "age", "band": 0.0},
    "deal_access": {"by": "age", "gap": 0.0},
    "fa_star_ir": {"items_by": "brand", "protected": "Private", "share": 0.6},
    "constrained_sort": {"items_by": "price_band"},
    "marginal_relevance": {"strength": 0.5},
    "xquad": {"strength": 0.7},
}
STILL = {  # settings at which each changes nothing
    "calibrated": {"strength": 0},
    "two_sided_calibration": {"strength": 0},
    "exposure_limits": {"floor": 0},
    "max_min_exposure": {"strength": 0},
    "greedy_exposure": {"strength": 0},
    "propensity": {"strength": 0},
    "two_sided_penalty": {"by": "age", "user_group": "45-54", "items": 0},
    "price_guard": {"by": "age"},
    "deal_access": {"by": "age"},
    "fa_star_ir": {"share": 0},
    "constrained_sort": {"strength": 0},
    "marginal_relevance": {"strength": 0},
    "xquad": {"strength": 0},
}


def policy(*steps: tuple[str, dict], **options) -> PolicySettings:
    return PolicySettings(
        steps=[Step(step=name, settings=settings) for name, settings in steps], k=K, **options
    )
