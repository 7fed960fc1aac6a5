"""A real server on a workspace of its own, and a real browser that notes everything a person would stumble over."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from core.store.workspace import Workspace

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SETTLED = """() => !document.querySelector('[data-testid="stStatusWidget"]')
    && !document.querySelector('[data-testid="stSpinner"]')
    && !document.querySelector('[data-stale="true"]')
    && !document.querySelector('[data-testid="stSkeleton"]')"""
PATIENCE = 60_000  # milliseconds that a page may take to settle


class Server:
    """`streamlit run app.py` on a free port of this machine."""

    def __init__(self, workspace: Path, **environment: str):
        self.workspace = workspace
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        clean = {name: value for name, value in os.environ.items() if not name.startswith("EVENHAND_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}"],
            cwd=ROOT,
            env=clean | {"EVENHAND_WORKSPACE": str(workspace), "OMP_NUM_THREADS": "2"} | environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._wait(port)

    def _wait(self, port: int) -> None:
        for _ in range(300):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                return
            assert self.process.poll() is None, "the server did not start"
            time.sleep(0.1)
        raise AssertionError("the server does not listen")

    def stop(self) -> None:
        """End the server and the worker that it started, by their process ids."""
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:  # a tab is still open and a script still runs
            self.process.kill()
            self.process.wait()
        workspace = Workspace.open(self.workspace, f"sqlite:///{self.workspace}/evenhand.db")
        slot = workspace.documents.get("workers", "main")
        workspace.close()
        if slot and slot["worker"]:
            with suppress(ProcessLookupError):
                os.kill(int(slot["worker"].rpartition(":")[2]), signal.SIGTERM)


class Visit:
    """One browser tab; `check` fails on exception boxes, console errors and pages wider than their window."""

    def __init__(self, browser: Browser, *, width: int = 1440, scheme: str = "light"):
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, accept_downloads=True
        )
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.trouble: list[str] = []
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.trouble.append(str(error)))

    def _console(self, message) -> None:
        # Streamlit looks for <page>/_stcore/ before the root and gets a harmless 404.
        if message.type == "error" and "/_stcore/" not in (message.location or {}).get("url", ""):
            self.trouble.append(message.text)

    def open(self, url: str, *, title: str) -> "Visit":
        """Go there and wait until the page of that title stands."""
        self.page.goto(url, wait_until="domcontentloaded")
        self.page.get_by_role("heading", name=title, exact=True, level=1).wait_for()
        return self.settle()

    def settle(self) -> "Visit":
        """Wait until nothing runs, nothing is stale and every component is loaded."""
        self.page.wait_for_timeout(400)
        self.page.wait_for_function(SETTLED)
        return self

    def text(self) -> str:
        """All text of the page's main part."""
        return self.page.inner_text('[data-testid="stMain"]')

    def check(self) -> "Visit":
        """Nothing that a person would stumble over."""
        boxes = self.page.locator('[data-testid="stException"]').all_inner_texts()
        assert boxes == [], boxes
        assert self.trouble == [], self.trouble
        wide = self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 1, f"{self.page.url} is {wide} pixels wider than its window"
        return self


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's chromium."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine: `make test` installs it, or `apt-get install chromium`")
    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Open tabs, each in a browser context of its own."""
    visits: list[Visit] = []

    def open_(**options) -> Visit:
        visits.append(Visit(browser, **options))
        return visits[-1]

    yield open_
    for each in visits:
        each.context.close()


@contextmanager
def serving(workspace: Path, **environment: str) -> Iterator[Server]:
    """A server while the block runs."""
    server = Server(workspace, **environment)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on a fresh workspace whose first job takes a slice of the data."""
    workspace = tmp_path_factory.mktemp("story") / "workspace"
    with serving(workspace, EVENHAND_SAMPLE_USERS="300") as started:
        yield started
