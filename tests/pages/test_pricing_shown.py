"""What is shown, clicked and bought on the Pricing page, and one group that stands out, on a made shop."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.data.prepare import prepare
from core.schema.settings import DatasetSettings
from core.store.workspace import Workspace
from tests.pages.test_exposure_pricing import text_of

USERS, ITEMS, DAYS = 200, 8, 90
SETTINGS = DatasetSettings(
    validation_days=10, test_days=10, minimum_item_users=2, minimum_user_events=2, protected=("side",)
)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop of five groups, of which e pays a fifth more and clicks more; even items are on offer; six users are `tiny`."""
    root, rng = tmp_path_factory.mktemp("shown"), np.random.default_rng(1)
    side = np.where(np.arange(USERS) < 6, "tiny", rng.choice(list("abcde"), USERS))
    user, item = rng.integers(0, USERS, 60 * USERS), rng.integers(0, ITEMS, 60 * USERS)
    start = pd.Timestamp("2024-01-01T10:00:00")
    events = pd.DataFrame({"user_id": [f"u{u}" for u in user], "item_id": [f"i{i}" for i in item]})
    events["timestamp"] = start + pd.to_timedelta(rng.integers(0, DAYS, len(user)), unit="D")
    events["list_price"] = (2.0 + item) * np.where(side[user] == "e", 1.2, 1.0)
    events["loyalty_discount"] = np.where(item % 2 == 0, 0.2, 0.0) * events["list_price"]
    people = pd.DataFrame({"user_id": [f"u{u}" for u in range(USERS)], "side": side})
    seen = np.repeat(np.arange(USERS), 20)
    log = pd.DataFrame({"user_id": [f"u{u}" for u in seen], "rank": 1})
    log["item_id"] = [f"i{i}" for i in rng.integers(0, ITEMS, len(seen))]
    log["timestamp"] = start + pd.to_timedelta(rng.integers(0, DAYS, len(seen)), unit="D")
    log["clicked"] = rng.random(len(seen)) < np.where(side[seen] == "e", 0.5, 0.2)
    log["purchased"] = log["clicked"] & (rng.random(len(seen)) < 0.3)
    folder = root / "tables"
    folder.mkdir()
    for name, table in (("events", events), ("users", people), ("impressions", log)):
        table.to_csv(folder / f"{name}.csv", index=False)
    workspace = Workspace.open(root / "workspace", f"sqlite:///{root}/workspace/evenhand.db")
    prepare(workspace, "tables", SETTINGS, path=folder)
    workspace.close()
    return root / "workspace"


def test_who_clicks_is_answered_without_campaigns(open_page, shown):
    app = open_page("pricing", shown, by="side", see="offers")
    assert not app.exception
    said = text_of(app).replace("\\", "")
    assert "These data hold no offers" in said
    assert "Users with side e click on what they are shown" in said
    assert "more often than everyone else" in said
    assert "4,000 impressions of 200 users" in said
    app.segmented_control(key="impressions").set_value("deal").run()
    assert not app.exception
    assert "click on the deals that they are shown" in text_of(app)
    assert "were shown a deal; of these" in text_of(app)
    assert app.query_params["impressions"] == "deal"


def test_the_log_follows_the_filters_and_small_groups_stay_hidden(open_page, shown):
    link = {"by": "side", "see": "offers", "from": "2024-01-01", "to": "2024-01-31"}
    app = open_page("pricing", shown, **link)
    assert not app.exception
    assert "4,000 impressions" not in text_of(app)
    table = next(
        frame.value for frame in app.dataframe if "Users who click" in set(frame.value.get("Metric", ()))
    )
    assert (table.loc[table["Group"] == "tiny", "Value"] == "hidden").all()
    assert (table["Group"] == "tiny").any()


def test_one_group_behind_the_gaps_is_named_beside_the_answer(open_page, shown):
    app = open_page("pricing", shown, by="side")
    assert not app.exception
    assert "Most of these gaps by side come from e, which is part of everyone else" in app.markdown[
        1
    ].value.replace("\\", "")
    app.selectbox(key="reference").set_value("b").run()
    assert "Most of these gaps" not in text_of(app)
