"""Settings as a shell gives them: a file, KEY=VALUE pairs, and policies, which may be saved ones."""

import argparse
import os
from pathlib import Path
from typing import Any

import yaml

from core.errors import NotFound, SettingsError
from core.schema.documents import Policy
from core.schema.policies import PolicySettings
from core.schema.settings import settings_from
from core.store.workspace import Workspace

# What reading YAML may raise: dates and numbers that are none, and lists in lists without end, are not YAMLErrors.
UNREADABLE = (yaml.YAMLError, ValueError, RecursionError)


def add_settings(parser: argparse.ArgumentParser) -> None:
    """The options --config and --set."""
    parser.add_argument("--config", type=Path, metavar="F.yaml", help="settings from a YAML or JSON file")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="one setting; may be repeated"
    )


def settings_given(options: argparse.Namespace, **given: Any) -> dict[str, Any]:
    """Settings of a command: the file, then --set, then its own options."""
    values: dict[str, Any] = {}
    if options.config:
        values |= read_settings(options.config)
    for pair in options.set:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise SettingsError(f"--set {pair}: write KEY=VALUE.")
        try:
            values[key.strip()] = yaml.safe_load(value)
        except UNREADABLE:
            raise SettingsError(f"--set {pair[:80]}: the value cannot be read.") from None
    return values | {key: value for key, value in given.items() if value is not None}


def read_settings(path: Path) -> dict[str, Any]:
    """The settings of a YAML or JSON file; SettingsError where there are none."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, *UNREADABLE) as error:
        raise SettingsError(f"{path.name[:80]}: cannot be read as YAML ({type(error).__name__}).") from None
    if not isinstance(values, dict):
        raise SettingsError(f"{path.name}: holds no settings (KEY: VALUE lines).")
    return values


def add_policy(parser: argparse.ArgumentParser, description: str, *, required: bool = False) -> None:
    """The option --policy."""
    parser.add_argument(
        "--policy",
        required=required,
        metavar="P",
        help=f"{description}: a file, or a saved policy (id, name or name@version)",
    )


def policy_given(
    workspace: Workspace, options: argparse.Namespace, *, k: int | None = None
) -> PolicySettings | None:
    """The policy for `options.run`, with lists of k where that is asked for; None without one.

    Raises:
        SettingsError: the file holds none, or the policy was saved for another dataset. NotFound: neither file nor saved.
    """
    if options.policy is None:
        return None
    saved = saved_given(workspace, options)
    values = read_settings(Path(options.policy)) if saved is None else saved.settings
    return settings_from(PolicySettings, values | ({} if k is None else {"k": k}))


def saved_given(workspace: Workspace, options: argparse.Namespace) -> Policy | None:
    """The saved policy that --policy names, of the line of the run's dataset; None where it names a file.

    Raises:
        SettingsError: it was saved for other data. NotFound: neither file nor saved.
    """
    from core.workflow.policies.saved import load_policy
    from core.workflow.runs import load_run

    reference = options.policy
    if os.path.exists(reference) and not os.path.isdir(reference):
        return None
    dataset = load_run(workspace, options.run).dataset
    try:
        return load_policy(workspace, reference, dataset=dataset)
    except NotFound as error:
        raise NotFound(f"There is no file '{reference[:80]}'. {error}") from None


def add_moment(parser: argparse.ArgumentParser) -> None:
    """The option --split of lists that are handed out."""
    parser.add_argument(
        "--split",
        choices=["test", "now"],
        default="test",
        help="what the lists know: test: all but the last window, as they are judged; now: everything, for a shop to serve",
    )
