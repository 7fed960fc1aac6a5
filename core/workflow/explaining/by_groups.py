"""Whether a model goes by other things for some groups of users, told from what was kept of it."""

import numpy as np
import pandas as pd

from core.data.dataset import load, users_with_numbers
from core.explain.importance import by_group, importance
from core.schema.documents import ExplainedModel
from core.schema.settings import AuditSettings, Statistics
from core.schema.tables import USER
from core.store.workspace import Workspace
from core.workflow.audits.shop import partitions
from core.workflow.explaining.kept import VALUES, explanation_table


def weights_of(workspace: Workspace, explained: ExplainedModel, settings: Statistics) -> pd.DataFrame:
    """What the model goes by on the whole, as `importance` tells it."""
    values = explanation_table(workspace, explained, VALUES)
    features = explained.features
    return importance(values[features].to_numpy(float), values[USER].to_numpy(), features, settings)


def weights_by_group(
    workspace: Workspace, explained: ExplainedModel, settings: AuditSettings
) -> pd.DataFrame:
    """Audit rows of the first grouping of the settings, as `by_group` tells them.

    Raises:
        NotFound: no such attribute. InputError: too few users. SettingsError: the reference group is hidden.
    """
    values = explanation_table(workspace, explained, VALUES)
    codes = np.unique(values[USER].to_numpy(np.int64))
    users = users_with_numbers(workspace, load(workspace, explained.dataset))
    (part,) = partitions(users, codes, settings.model_copy(update={"by": settings.by[:1]}))
    features = explained.features
    return by_group(values[features].to_numpy(float), values[USER].to_numpy(), features, part, settings)
