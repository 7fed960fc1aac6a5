"""What is posted arrives; what does not is told, and never with the secret parts of the address."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from core.errors import SettingsError
from core.workflow.webhook import checked_address, post


@contextmanager
def listening(status=200, wait=None, headers=()):
    """A server on this machine; its address, and what it was told."""
    told = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.append((self.path, self.headers["Content-Type"], json.loads(body)))
            if wait is not None:
                wait.wait(10)
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.end_headers()

        do_GET = do_POST

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", told
    finally:
        if wait is not None:
            wait.set()
        server.shutdown()
        server.server_close()
        thread.join()


def test_it_arrives_as_json():
    with listening() as (address, told):
        assert post(f"{address}/hook?key=s", {"passed": True, "name": "<b>ä</b>"}) is None
    assert told == [("/hook?key=s", "application/json", {"passed": True, "name": "<b>ä</b>"})]


@pytest.mark.parametrize("status", [400, 404, 500])
def test_a_refusal_is_told(status):
    with listening(status) as (address, _):
        said = post(f"{address}/secret-token", {})
    assert str(status) in said
    assert "127.0.0.1" in said
    assert "secret-token" not in said


def test_it_is_not_sent_elsewhere():
    with listening() as (other, told), listening(302, headers=[("Location", other)]) as (address, _):
        assert "302" in post(address, {})
    assert told == []


def test_who_does_not_answer_is_not_waited_for():
    with listening(wait=threading.Event()) as (address, _):
        said = post(address, {}, seconds=0.2)
    assert "was not told" in said


def test_nobody_there_is_told():
    with listening() as (address, _):
        pass
    said = post(f"{address}/secret-token", {})
    assert "was not told" in said
    assert "secret-token" not in said


@pytest.mark.parametrize(
    "address",
    [
        "",
        "hook",
        "ftp://127.0.0.1/x",
        "file:///etc/passwd",
        "http://",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:x",
        "http://[::1",
        "http://127.0.0.1/a b",
        "http://127.0.0.1/\r\nHost: x",
        "javascript:alert(1)",
    ],
)
def test_what_is_no_address_is_refused(address):
    with pytest.raises(SettingsError, match="http:// or https://"):
        checked_address(address)


@pytest.mark.parametrize(
    "address", ["https://ann:secret@shop.example/x", "http://ann@127.0.0.1/x", "http://@h/"]
)
def test_an_address_with_a_user_is_refused_before_the_work_without_repeating_it(address):
    with pytest.raises(SettingsError, match="no user or password") as caught:
        checked_address(address)
    assert "ann" not in str(caught.value)
