"""Data whose every text tries to be more than text: nothing of it is interpreted, on any page."""

import numpy as np
import pandas as pd
import pytest

from core.data.prepare import prepare
from core.schema.settings import DatasetSettings, TrainSettings
from core.store.workspace import Workspace
from core.workflow.training import train
from tests.browser.conftest import serving
from tests.browser.test_story import PAGES

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("hostile")]

EVIL = (
    '<img src=x onerror="window.hurt=1">',
    "[link](javascript:window.hurt=1)",
    "$$\\frac{1}{0}$$ :red[red] :material/home:",
    "=HYPERLINK(1) **bold** https://example.org",
)
ATTRIBUTE = "<b>town</b> $$x$$"
N_USERS, N_ITEMS, N_EVENTS, DAYS = 80, 40, 6000, 200


def write_shop(folder) -> None:
    """A small shop: users in four towns, items in four categories, purchases over two hundred days."""
    rng = np.random.default_rng(7)
    users = [f"u{n}" for n in range(N_USERS)]
    items = [f"i{n}" for n in range(N_ITEMS)]
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, DAYS, N_EVENTS), unit="D")
    chosen = {
        "user_id": rng.choice(users, N_EVENTS),
        "item_id": rng.choice(items, N_EVENTS),
        "timestamp": days,
    }
    prices = {"list_price": 2.0, "paid_price": 1.5, "quantity": 1}
    folder.mkdir()
    pd.DataFrame(chosen | prices).to_csv(folder / "events.csv", index=False)
    towns = {ATTRIBUTE: [EVIL[n % 4] for n in range(N_USERS)]}
    pd.DataFrame({"user_id": users} | towns).to_csv(folder / "users.csv", index=False)
    texts = {
        name: [f"{EVIL[n % 4]}{n % 8 if name == 'title' else ''}" for n in range(N_ITEMS)]
        for name in ("title", "category", "brand")
    }
    pd.DataFrame({"item_id": items} | texts).to_csv(folder / "items.csv", index=False)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A server on a workspace with such a shop and a run."""
    root = tmp_path_factory.mktemp("hostile")
    write_shop(root / EVIL[1].replace("/", " "))
    workspace = Workspace.open(root / "workspace", f"sqlite:///{root}/workspace/evenhand.db")
    settings = DatasetSettings(protected=(ATTRIBUTE,), currency="EUR")
    dataset = prepare(workspace, "tables", settings, path=root / EVIL[1].replace("/", " "))
    quick = TrainSettings(epochs=1, width=16, layers=1)
    for name, models in ((EVIL[0], ()), (EVIL[1], quick.models)):
        settings = quick.model_copy(update={"models": models})
        train(workspace, dataset.id, settings, run_id=f"run-{EVIL.index(name)}ab", name=name)
    workspace.close()
    with serving(root / "workspace") as server:
        yield server


@pytest.mark.parametrize(
    "page",
    [*PAGES],
)
def test_no_text_of_the_data_is_interpreted(hostile, visit, page):
    tab = visit().open(f"{hostile.url}/{page}", title=page.capitalize())
    if page not in (
        "behaviour",
        "service",
        "loop",
        "report",
    ):  # the small shop may have nothing to draw there
        tab.page.locator(".js-plotly-plot").first.wait_for(state="attached")  # perhaps in a tab behind
    tab.settle().check()
    main = tab.page.locator('[data-testid="stMain"], [data-testid="stSidebar"]')
    for forbidden in ("img[src='x']", "a[href^='javascript']", "a[href*='example.org']", ".katex", "b"):
        found = main.locator(forbidden)
        assert found.count() == 0, (
            forbidden,
            found.first.evaluate("node => node.closest('[data-testid]').outerHTML"),
        )
    assert tab.page.evaluate("window.hurt") is None
    assert EVIL[1] in tab.page.inner_text("body")  # shown as it is


def test_group_names_stand_in_the_chart_as_they_are(hostile, visit):
    tab = visit().open(f"{hostile.url}/overview", title="Overview")
    tab.page.locator(".js-plotly-plot").first.wait_for()
    labels = tab.page.locator(".ytick text").all_text_contents()
    assert any(label.startswith("<img src=x onerror") for label in labels), labels
    assert any(label.startswith("$$") for label in labels), labels
