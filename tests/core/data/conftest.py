"""A small made shop whose right answers are known, as tables and as a folder of files."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.schema.settings import DatasetSettings
from core.schema.tables import Tables
from core.store.workspace import Workspace

SMALL = DatasetSettings(validation_days=5, test_days=5, minimum_item_users=3, minimum_user_events=2)


def made_shop(n_users: int = 40, n_items: int = 15, n_days: int = 60, seed: int = 7) -> Tables:
    """A shop whose users buy on about half of the days; the last item is bought in the test window alone."""
    random = np.random.default_rng(seed)
    user, day = np.nonzero(random.random((n_users, n_days)) < 0.5)
    item = random.integers(0, n_items - 1, len(user))
    item[day >= n_days - 3] = n_items - 1
    list_price = 1.0 + item
    events = pd.DataFrame(
        {
            "user_id": [f"u{code:03d}" for code in user],
            "item_id": [f"i{code:02d}" for code in item],
            "timestamp": pd.Timestamp("2024-03-01") + pd.to_timedelta(day * 24 + 12, unit="h"),
            "quantity": 1.0,
            "list_price": list_price,
            "paid_price": list_price * 0.9,
            "basket_id": [f"{number}" for number in range(len(user))],
            "channel": random.choice(["web", "store"], len(user)),
        }
    )
    events["timestamp"] = events["timestamp"].astype("datetime64[us]")
    users = pd.DataFrame(
        {
            "user_id": [f"u{code:03d}" for code in range(n_users)],
            "gender": random.choice(["f", "m"], n_users),
            "years": random.integers(18, 80, n_users).astype(str),
            "note": [f"text {code}" for code in range(n_users)],
        }
    )
    items = pd.DataFrame(
        {
            "item_id": [f"i{code:02d}" for code in range(n_items)],
            "title": [f"Item {code}" for code in range(n_items)],
            "category": [("a", "b", None)[code % 3] for code in range(n_items)],
        }
    )
    return Tables(events, users=users, items=items)


@pytest.fixture
def shop() -> Tables:
    """The made shop."""
    return made_shop()


@pytest.fixture
def folder(tmp_path: Path, shop: Tables) -> Path:
    """The made shop as CSV files."""
    path = tmp_path / "my_shop"
    path.mkdir()
    for name, table in shop.present().items():
        table.to_csv(path / f"{name}.csv", index=False)
    return path


@pytest.fixture
def rewrite(folder: Path) -> Callable[[str, Callable[[pd.DataFrame], pd.DataFrame]], None]:
    """Changes one file of the folder."""

    def change(name: str, how: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
        file = folder / f"{name}.csv"
        how(pd.read_csv(file, dtype=str)).to_csv(file, index=False)

    return change


SHARED = Path(__file__).parents[3].parent / "shared" / "data"


def shared_data(name: str) -> Path:
    """A folder of the data sets that lie beside the repository; the test is skipped where it is not there."""
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(
            f"the real data are not there: {name} is expected in ../shared/data beside the repository"
        )
    return folder


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A workspace for all tests of a module: what one of them prepares, the next finds there."""
    root = tmp_path_factory.mktemp("lasting")
    shared = Workspace.open(root, f"sqlite:///{root}/evenhand.db")
    yield shared
    shared.close()
