"""What a reader of an audit of exposure must know besides the numbers, and where its two views disagree."""

from dataclasses import asdict

from core.fairness.exposure.attention import ListCounts
from core.fairness.exposure.item_groups import ItemGroups
from core.fairness.exposure.rows import SHARE
from core.fairness.rows import AuditRow
from core.fairness.verdicts import EQUAL, UNDECIDED, UNEQUAL
from core.schema.tables import OTHERS

LEFT_OUT = {
    "bad_ranks": "{} rows have a rank that is no whole number from 1 upwards",
    "outside_catalogue": "{} listed items are not in the catalogue; their places count as empty",
    "repeated_items": "{} rows repeat an item of the same list; the best place counts",
    "shared_places": "{} rows share their place with another item; the first one counts",
    "users_without_list": "{} users have no list and are left out",
    "short_lists": "{} users have fewer items than places; shares are of what they are shown",
}


def exposure_notes(
    counts: ListCounts,
    groups: ItemGroups,
    target_name: str,
    *,
    unseen: list[str],
    with_purchases: bool,
    k: int,
) -> tuple[str, ...]:
    """Sentences on what intervals and nulls mean, and on what was left out."""
    found = [
        "Intervals are over users: had other users of the same kind been shown lists. The catalogue, its groups, the "
        f"target ({target_name}) and the recommender stay as they are.",
        "The p-value of a share asks whether the mean over such users could be the target, users being as different "
        "from each other as they are. It does not ask whether the lists were drawn at random.",
        f"Metrics per user judge each list of {k} and average; pooled ones judge all lists together. A list is short, "
        "so even one filled at random is off target: per-user metrics are compared with such lists.",
        "Coverage, Gini index and entropy of items, IAA and RSP depend on how many users there are: compare them between lists "
        "for the same users only. Metrics with a null band would lie in it if the mean shares were on target; RSP and REO if "
        "all groups had the same chance to be listed, IAA if each item got the attention that later purchases ask for.",
        "A list may be off target because of its user's taste: that is no disparity by itself.",
    ]
    if unseen:
        found.append(
            f"{', '.join(unseen)}: so small that fewer than 5 of all places would be theirs on target; left out of min / max, "
            "MMF, RSP and the Gini index of groups."
        )
    if groups.joined:
        found.append(f"'{OTHERS}' joins {groups.joined:,} smaller groups by {groups.attribute}.")
    if with_purchases:
        found.append(
            "Relevant is what a user bought afterwards. Disparate impact (DIR) then is a mean over all purchases, equal "
            "opportunity of exposure (EOR) over users, each of whom counts alike. With some hundred users or fewer chance alone "
            "makes IAA and REO large: hold them against their null bands."
        )
    told = asdict(counts)
    left_out = [text.format(f"{told[name]:,}") + "." for name, text in LEFT_OUT.items() if told[name]]
    return tuple(found + left_out)


def view_verdicts(rows: list[AuditRow], attribute: str) -> tuple[str, str] | None:
    """The verdict on single lists, and that on all lists together; None where either has none.

    Together: unequal if any item group's share is, equal within tolerance if all are. Single: that of AWRF against
    lists filled at random, where only lists further from the target than those count as unequal.

    Args:
        rows: judged.
    """
    own = [row for row in rows if row.attribute == attribute and row.statistic == "gap" and row.verdict]
    shares = [row.verdict for row in own if row.metric.startswith(SHARE)]
    lists = [row for row in own if row.metric.startswith("awrf_js_user")]
    if not shares or not lists:
        return None
    single = lists[0].verdict if lists[0].verdict != UNEQUAL or lists[0].value < 0 else EQUAL
    return single, UNEQUAL if UNEQUAL in shares else EQUAL if set(shares) == {EQUAL} else UNDECIDED


def disagreement(views: tuple[str, str] | None) -> str | None:
    """One sentence where the two verdicts of `view_verdicts` differ; None where they do not, or one is open."""
    if views is None or UNDECIDED in views or views[0] == views[1]:
        return None
    if views[1] == EQUAL:
        return "All lists together are on target, but single lists are further from it than lists filled at random."
    return "Single lists are as near to the target as lists filled at random, but together they lean to one side."
