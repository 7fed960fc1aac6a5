"""Whether a trained model follows recent demand: only where validation says that it helps."""

from core.models.recent_demand import recent_demand
from core.models.scoring import past_of
from core.train.choosing import clearly_better
from core.train.setup import Training
from core.train.validation import validate_new


def choose_recent_demand(run: Training) -> tuple[float, float] | None:
    """Let the model follow recent demand if what is new to users is then clearly better ranked on validation.

    Returns:
        validation NDCG@10 of items new to the user, without and with it; None where nothing is asked in days, where
        taste scores what was taken before as well, or where nobody who tunes took anything new.
    """
    taste_alone = past_of(run.model, run.task) == "nothing"  # it would reach what was taken before
    if run.task.predict != "window" or not run.timed or taste_alone:
        return None
    before = validate_new(run)
    if before.empty:
        return None
    run.model.follow_recent_demand(True)
    run.demand = recent_demand(run.model, run.history, task=run.task)
    after = validate_new(run)
    if not clearly_better((after - before).to_numpy(), after.index.to_numpy()):
        run.model.follow_recent_demand(False)
        run.demand = None
    return float(before.mean()), float(after.mean())
