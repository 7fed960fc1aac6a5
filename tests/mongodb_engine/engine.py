"""MongoDB's own engine over a real connection: `TEST_MONGODB_URI`, or one installed under .cache."""

import os
import re
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
INSTALLED = HERE.parents[1] / ".cache" / "mongodb_engine"
IMPOSSIBLE = 3


class EngineImpossible(Exception):
    """MongoDB's engine cannot be set up on this machine; the text says why."""


@contextmanager
def mongodb(data: Path) -> Iterator[str]:
    """Address of a running server; `data` is an empty folder for its files."""
    if given := os.environ.get("TEST_MONGODB_URI"):
        yield given
        return
    server, address = start_engine(data)
    with server:
        yield address
        server.stdin.close()  # asks it to end
        server.wait(timeout=20)


def start_engine(data: Path) -> tuple[subprocess.Popen, str]:
    """A process that serves the files in `data` until its standard input closes, and its address."""
    install()
    data.mkdir(parents=True, exist_ok=True)
    command = [INSTALLED / "run", data]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    address = server.stdout.readline().strip()
    assert address.startswith("mongodb://"), "MongoDB's engine is installed but did not start"
    return server, address


def with_database(address: str, name: str) -> str:
    """The address with that database in its path."""
    return re.sub(r"^(mongodb(?:\+srv)?://[^/?]+)(?:/[^?]*)?", rf"\1/{name}", address)


def install() -> None:
    """Install the engine unless it is there; `EngineImpossible` where that cannot be done."""
    done = subprocess.run([HERE / "setup.sh", INSTALLED], capture_output=True, text=True, timeout=300)
    if done.returncode == IMPOSSIBLE:
        reason = done.stderr.strip().splitlines()[-1]
        warnings.warn(f"NOT TESTED ON MONGODB: {reason}. TEST_MONGODB_URI can name a server.", stacklevel=1)
        raise EngineImpossible(reason)
    assert done.returncode == 0, f"setting up MongoDB's engine failed:\n{done.stderr[-2000:]}"
