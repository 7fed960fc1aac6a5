"""One alert for each broken rule and run, never changed; who has seen it is added to it."""

import pytest

from core.errors import NotFound, SettingsError
from core.schema.alerts import ACKNOWLEDGEMENTS, ALERTS, Finding
from core.schema.rules import Rule
from core.store.trail import read
from core.store.trail_check import verify
from core.workflow.alerts import acknowledge, alerts, raise_alerts
from core.workflow.gate import Gate
from core.workflow.rule_judging import RuleOutcome


def gate(*outcomes, run="run-one", value=-0.2, fingerprint=None, name="Ranking <b>"):
    """A gate of one rule for each outcome."""
    found = [
        RuleOutcome(
            Rule(
                name=f"{name} {number}",
                owner="ann",
                section="users",
                metric="ndcg@10",
                grouping="age",
                at_least=-0.05,
            ),
            outcome,
            (
                Finding(
                    group="65+",
                    value=value,
                    low=value - 0.1,
                    high=value + 0.1,
                    n=40,
                    outcome=outcome,
                    why="so",
                ),
                Finding(group="young", value=0.0, low=0.0, high=0.1, n=50, outcome="kept", why="so"),
            ),
        )
        for number, outcome in enumerate(outcomes)
    ]
    lists = None if run else "lists.csv"
    return Gate(run, "ds-one", lists, fingerprint, "test", tuple(found))


def test_broken_rules_alone_make_alerts_with_all_that_is_needed(workspace):
    raise_alerts(workspace, gate("kept", "broken", "unknown"))
    (one,) = alerts(workspace)
    alert = one.alert
    assert (alert.rule, alert.owner, alert.run, alert.dataset, alert.split) == (
        "Ranking <b> 1",
        "ann",
        "run-one",
        "ds-one",
        "test",
    )
    assert [(found.group, found.value, found.n) for found in alert.found] == [("65+", -0.2, 40)]
    assert "ndcg@10" in alert.number
    assert "-0.05" in alert.limits
    assert one.acknowledged == ()


def test_the_same_rule_and_run_make_one_alert_that_stays_as_it_was(workspace):
    (first,) = raise_alerts(workspace, gate("broken"))
    (again,) = raise_alerts(workspace, gate("broken", value=-0.4))
    assert again == first
    assert len(alerts(workspace)) == 1
    raise_alerts(workspace, gate("broken", run="run-two"))
    raise_alerts(workspace, gate("broken", name="Another"))
    raise_alerts(workspace, gate("broken", run=None, fingerprint="aa"))
    raise_alerts(workspace, gate("broken", run=None, fingerprint="bb"))
    raise_alerts(workspace, gate("broken", run=None, fingerprint="bb"))
    assert workspace.documents.count(ALERTS) == 5


def test_acknowledgements_are_added_in_order_and_change_nothing(workspace):
    (alert,) = raise_alerts(workspace, gate("broken"))
    acknowledge(workspace, alert.id, author="Bob", comment="Seen.\nWe look.")
    acknowledge(workspace, alert.id, author="Cid", comment="Repaired <script>")
    (one,) = alerts(workspace)
    assert one.alert == alert
    assert [(made.author, made.comment) for made in one.acknowledged] == [
        ("Bob", "Seen.\nWe look."),
        ("Cid", "Repaired <script>"),
    ]
    raise_alerts(workspace, gate("broken"))
    assert len(alerts(workspace)[0].acknowledged) == 2


def test_alerts_come_newest_first_with_their_own_acknowledgements(workspace):
    (first,) = raise_alerts(workspace, gate("broken"))
    (second,) = raise_alerts(workspace, gate("broken", run="run-two"))
    acknowledge(workspace, first.id, author="Bob", comment="mine")
    found = {one.alert.id: one for one in alerts(workspace)}
    assert [len(found[alert.id].acknowledged) for alert in (first, second)] == [1, 0]
    moments = [one.alert.at for one in alerts(workspace)]
    assert moments == sorted(moments, reverse=True)


@pytest.mark.parametrize("id", ["", "$ne", "alert-none", "../x", "a" * 5000, "alert-x\n"])
def test_an_alert_that_there_is_not_is_refused(workspace, id):
    with pytest.raises(NotFound, match="There is no alert"):
        acknowledge(workspace, id, author="Bob", comment="seen")
    assert workspace.documents.count(ACKNOWLEDGEMENTS) == 0


@pytest.mark.parametrize(
    ("author", "comment"), [("", "x"), (" ", "x"), ("Bob", ""), ("Bob\x1b[2J", "x"), ("Bob", "x" * 3000)]
)
def test_who_says_nothing_or_does_not_sign_acknowledges_nothing(workspace, author, comment):
    (alert,) = raise_alerts(workspace, gate("broken"))
    with pytest.raises(SettingsError):
        acknowledge(workspace, alert.id, author=author, comment=comment)
    assert workspace.documents.count(ACKNOWLEDGEMENTS) == 0


def test_an_acknowledgement_is_an_entry_of_the_trail(workspace):
    (alert,) = raise_alerts(workspace, gate("broken"))
    made = acknowledge(workspace, alert.id, author="Bob", comment="seen")
    (one,) = read(workspace).entries
    assert (one.did, one.who, one.details["name"]) == ("acknowledged", "Bob", alert.rule)
    assert one.about == {"dataset": "ds-one", "alert": alert.id, "acknowledgement": made.id}
    assert verify(workspace).untold == ()
    workspace.documents.update(ACKNOWLEDGEMENTS, made.id, {"author": "Eve"})
    assert [found.number for found in verify(workspace).damage] == [1]
