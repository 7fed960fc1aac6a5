"""Deeds that the audit trail does not tell of, told of afterwards: which they are, and who found them."""

from core.store.trail import CONTENT, WHAT, digest, tell
from core.store.trail_check import LEFT, REWRITTEN, verify
from core.store.workspace import Workspace


def tell_missing(workspace: Workspace, *, who: str) -> list[str]:
    """An entry for each of them; from then on a change of what it left is found as well.

    Such an entry says that somebody found it, not who did it: a process that was killed, or a hand in the store.

    Args:
        who: signs for them.

    Returns:
        their ids.

    Raises:
        StoreError: the store does not answer; the first ones may be told of.
    """
    missing = verify(workspace).untold
    for one in missing:
        document = workspace.documents.get(LEFT[one.what][0], one.id) or {}
        content = {} if one.what in REWRITTEN else {CONTENT: digest(document)}
        about = {one.what: one.id} | {name: document[name] for name in ("dataset",) if name in document}
        tell(workspace, "found", who=who, about=about, details={WHAT: one.what, "done": one.at} | content)
    return [one.id for one in missing]
