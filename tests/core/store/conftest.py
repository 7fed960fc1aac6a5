"""Both engines of the document store, on fresh data."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pymongo
import pytest

from core.store.documents import DocumentStore
from tests.mongodb_engine.engine import with_database


@pytest.fixture
def mongodb_url(mongodb_address: str) -> Iterator[str]:
    """Address of an empty database on it, dropped afterwards."""
    name = f"evenhand_test_{secrets.token_hex(6)}"
    yield with_database(mongodb_address, name)
    with pymongo.MongoClient(mongodb_address) as client:
        client.drop_database(name)


@pytest.fixture
def embedded_url(tmp_path: Path) -> str:
    """Address of a new embedded store."""
    return f"sqlite:///{tmp_path}/evenhand.db"


@pytest.fixture(params=["embedded", "mongodb"])
def url(request: pytest.FixtureRequest) -> str:
    """Address of an empty store on each engine in turn."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
def store(url: str) -> Iterator[DocumentStore]:
    """An empty store on each engine in turn."""
    store = DocumentStore.open(url)
    yield store
    store.close()
