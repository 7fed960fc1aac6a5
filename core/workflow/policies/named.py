"""Whether a shop has the groups that the steps of a policy name: a policy may be carried over from a run on earlier data."""

from core.errors import InputError
from core.schema.policies import PolicySettings
from core.schema.settings import Settings, settings_from
from core.workflow.policies.ground import Ground
from core.workflow.policies.steps import reranker

ITEM_GROUP = {"protected", "item_group"}  # fields that name a group of `items_by`


def lacking(policy: PolicySettings, ground: Ground) -> list[tuple[str, str]]:
    """Each step that names what these data do not have, with what it lacks in one sentence; in the order of the steps.

    Raises:
        SettingsError: a step or a setting that there is not.
    """
    told = ((step.step, settings_from(reranker(step.step).settings, step.settings)) for step in policy.steps)
    found = ((name, _lacking(settings, ground)) for name, settings in told)
    return [(name, said) for name, said in found if said is not None]


def _lacking(settings: Settings, ground: Ground) -> str | None:
    asked = settings.model_dump()
    try:
        if "items_by" in asked:
            ground.item_groups(asked["items_by"])
            for name in ITEM_GROUP & asked.keys():
                ground.items_of(asked["items_by"], asked[name])
        if "by" in asked:
            ground.user_groups(asked["by"], asked["bins"])
            if "user_group" in asked:
                ground.users_of(asked["by"], asked["user_group"], asked["bins"])
    except InputError as error:
        return str(error)
    return None
