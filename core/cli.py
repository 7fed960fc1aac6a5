"""The same system from a shell: `python -m core [--workspace DIR] COMMAND ... [--json]`.

Exit status: 0 done, 1 a check failed, 2 bad input (one clear line, no traceback), 130 interrupted.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable
from typing import NoReturn

from core.commands import THEMES
from core.commands.shell import CheckFailed
from core.errors import EvenhandError, InputError
from core.store.workspace import Workspace


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit status."""
    options = parser().parse_args(arguments, argparse.Namespace(workspace=None, json=False))
    status = 0
    try:
        workspace = Workspace.open(options.workspace)
        answer, text = options.command(workspace, options)
    except CheckFailed as failed:
        (answer, text), status = failed.answer, 1
    except (EvenhandError, OSError) as error:
        print(f"error: {_one_line(error)}", file=sys.stderr)
        return 2 if isinstance(error, InputError) else 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    if answer is not None:
        _print(json.dumps(answer, allow_nan=False) if options.json else text)
    return status


def _one_line(error: Exception) -> str:
    """What is wrong, without the line breaks and control characters that names from files may hold."""
    said = (isinstance(error, OSError) and error.strerror) or error
    return "".join(letter if letter.isprintable() else " " for letter in str(said))


def _print(text: str) -> None:
    try:
        print(text, flush=True)
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  (what is left to flush at exit goes nowhere)


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as every other error is said."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message} (see {self.prog} --help)\n")


def parser() -> argparse.ArgumentParser:
    """Every command with its options."""
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--workspace", default=argparse.SUPPRESS, metavar="DIR", help="default: $EVENHAND_WORKSPACE or var"
    )
    shared.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="one JSON object on standard output"
    )
    whole = _Parser(prog="python -m core", description=__doc__, parents=[shared])
    commands = whole.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, function: Callable, description: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=description, description=description, parents=[shared])
        sub.set_defaults(command=function)
        return sub

    for theme in THEMES:
        theme.add(command)
    return whole
