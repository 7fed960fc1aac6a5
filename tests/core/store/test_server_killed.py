"""MongoDB's engine is killed while documents are written: what it acknowledged is there afterwards."""

import itertools
import os
import random
import shutil
import threading
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from core.errors import StoreUnavailable
from core.store import backends
from core.store.documents import DocumentStore
from tests.mongodb_engine.engine import EngineImpossible, start_engine, with_database


@pytest.mark.skipif("TEST_MONGODB_URI" in os.environ, reason="does not kill a server that it did not start")
def test_a_killed_server_loses_nothing_that_was_acknowledged(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(backends, "SERVER_SECONDS", 2.0)
    dice, acknowledged = random.Random(3), []
    for round in range(3):
        try:
            server, address = start_engine(tmp_path / "data")
        except EngineImpossible as reason:
            pytest.skip(f"no MongoDB engine: {reason}")
        store = DocumentStore.open(with_database(address, "ledger"))
        kept = {document["_id"] for document in store.find("runs", fields=[])}
        assert set(acknowledged) <= kept
        assert len(kept) <= len(acknowledged) + round  # at most the one that each kill interrupted
        threading.Timer(dice.uniform(0.3, 0.9), server.kill).start()
        before = len(acknowledged)
        with pytest.raises(StoreUnavailable):
            write_until_it_fails(store, f"run-{round}", acknowledged)
        assert len(acknowledged) > before
        store.close()
        server.communicate()
        shutil.rmtree(Path(unquote(urlsplit(address).netloc)).parent)  # the socket of the killed server
        time.sleep(0.1)
    assert len(acknowledged) == len(set(acknowledged))


def write_until_it_fails(store: DocumentStore, prefix: str, acknowledged: list[str]) -> None:
    for number in itertools.count():
        store.insert("runs", {"_id": f"{prefix}-{number}", "text": "x" * 300})
        acknowledged.append(f"{prefix}-{number}")
