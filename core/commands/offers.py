"""The command that plans coupons: offers."""

import argparse
from pathlib import Path

from core.commands.settings import add_settings, settings_given
from core.commands.shell import Answer, Command
from core.errors import SettingsError
from core.schema.settings import AuditSettings, parse_by, settings_from
from core.store.trail import COMMAND_LINE
from core.store.workspace import Workspace

NO_PARITY = "none"


def add(command: Command) -> None:
    """Register it."""
    sub = command("offers", _offers, "who gets one of a limited number of coupons, groups alike or not")
    sub.add_argument("where", metavar="RUN_OR_DATASET")
    sub.add_argument("--budget", type=float, metavar="N", help="number of coupons")
    sub.add_argument(
        "--parity",
        choices=["offer_rate", "saving", NO_PARITY],
        help="what groups have alike; none: coupons go where they are worth most; default: offer_rate",
    )
    sub.add_argument(
        "--by", help="age, or age*income (crossed); default: the first of the protected attributes"
    )
    sub.add_argument(
        "--gap", type=float, help="largest gap between groups, as a share of the mean; default: 0.1"
    )
    sub.add_argument(
        "--out", type=Path, metavar="F.parquet", help="write who gets a coupon, and what is expected of it"
    )
    add_settings(sub)


def _offers(workspace: Workspace, options: argparse.Namespace) -> Answer:
    from core.recommend.offers import OfferSettings
    from core.workflow.auditing import default_by
    from core.workflow.policies.offer_report import dataset_of, offer_report

    values = settings_given(options, budget=options.budget, parity=options.parity, gap=options.gap)
    if values.get("parity") == NO_PARITY:
        values["parity"] = None
    settings = settings_from(OfferSettings, values)
    dataset = dataset_of(workspace, options.where)
    by = parse_by(options.by) if options.by else default_by(workspace, dataset_id=dataset.id)[:1]
    if len(by) > 1:
        raise SettingsError(
            f"--by {options.by[:80]}: a plan has one grouping, of one attribute or two crossed."
        )
    audit = settings_from(AuditSettings, {"by": by})
    found = offer_report(workspace, dataset.id, settings, audit, out=options.out, who=COMMAND_LINE)
    return found.record(), found.as_text()
