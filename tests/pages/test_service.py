"""The Service page: the answer first, each question with its verdicts, links, scopes, and what is not there."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.data.dataset import table
from core.data.feedback.joining import FED
from core.data.feedback.keeping import keep
from core.data.prepare import prepare
from core.data.service import VOLUNTEERED
from core.schema.documents import RUNS, Measured, ModelReport
from core.schema.settings import DatasetSettings
from core.store.workspace import Workspace
from tests.core.data.made_orders import made_orders
from tests.core.workflow.made_runs import run_with
from tests.pages.test_states import words

WINDOWS = DatasetSettings(
    validation_days=45, test_days=45, minimum_item_users=2, minimum_user_events=1, protected=("region",)
)
SMALL = "isle"  # five users, and six on a rock: hidden together
TOLD = ModelReport(metrics={"mae": Measured(value=0.5, low=0.4, high=0.6, n=600)})
VERDICT = r"95 % interval .+ to .+; tolerance .+: \*(unequal|equal within tolerance|not enough data)\* \([\d,]+ users\)"


def write_shop(folder: Path) -> None:
    """Tables as a user would bring them; every third order of the far region was never rated."""
    shop = made_orders(600)
    region = shop.users["region"].astype(str).to_numpy()
    region[:5], region[5:11] = SMALL, "rock"
    service = shop.service.assign(user_id=[f"u{user}" for user in shop.service["user"]])
    service["item_id"] = [f"i{item}" for item in shop.service["item"]]
    silent = (region[shop.service["user"]] == "far") & (np.arange(600) % 3 == 0)
    service["satisfaction"] = service["satisfaction"].where(~silent)
    service.drop(columns=["user", "item"]).to_parquet(folder / "service.parquet")
    events = shop.events.assign(
        user_id=[f"u{user}" for user in shop.events["user"]],
        item_id=[f"i{item}" for item in shop.events["item"]],
    )
    events.drop(columns=["user", "item", "split"]).to_parquet(folder / "events.parquet")
    years = 18 + np.arange(len(region)) % 60
    shop.users.assign(region=region, years=years).to_parquet(folder / "users.parquet")
    shop.items.drop(columns="in_catalogue").to_parquet(folder / "items.parquet")


def predicted(orders: pd.DataFrame, users: pd.DataFrame) -> pd.DataFrame:
    """Satisfaction of every order, promised a point too high to the south; all of it tested."""
    rng = np.random.default_rng(3)
    rated = orders[orders["satisfaction"].notna()].reset_index(drop=True)
    stars = rated["satisfaction"].to_numpy()
    south = (users["region"].astype(str).to_numpy() == "south")[rated["user"]]
    expected = stars + rng.normal(0, 0.3, len(rated)) + south
    return rated[["user", "item", "order_id", "timestamp"]].assign(
        outcome="satisfaction_at_order",
        observed=stars.astype(np.float32),
        predicted=expected.astype(np.float32),
        expected=expected.astype(np.float32),
        low=(expected - 1).astype(np.float32),
        high=(expected + 1).astype(np.float32),
        split=np.int8(2),
        unbiased=True,
    )


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    """A workspace with a run, and one whose data are not trained on yet."""
    found = {}
    for name in ("run", "data"):
        root = tmp_path_factory.mktemp(name)
        (root / "shop").mkdir()
        write_shop(root / "shop")
        workspace = Workspace.open(root / "workspace", f"sqlite:///{root}/workspace/evenhand.db")
        dataset = prepare(workspace, "tables", WINDOWS, path=root / "shop")
        if name == "run":
            rows = predicted(table(workspace, dataset, "service"), table(workspace, dataset, "users"))
            run = run_with(workspace, dataset, {"service_predictions": rows}, {"satisfaction_at_order": TOLD})
            settings = {"models": ["service"]}
            workspace.documents.put(RUNS, run.model_copy(update={"settings": settings}).dump())
        workspace.close()
        found[name] = root / "workspace"
    return found


@pytest.fixture(scope="module")
def volunteered(tmp_path_factory):
    """A workspace of a shop without orders, whose customers rated in feedback, with a run."""
    root = tmp_path_factory.mktemp("volunteered")
    (root / "shop").mkdir()
    write_shop(root / "shop")
    told = pd.read_parquet(root / "shop" / "service.parquet").dropna(subset="satisfaction")
    (root / "shop" / "service.parquet").unlink()
    workspace = Workspace.open(root / "workspace", f"sqlite:///{root}/workspace/evenhand.db")
    dataset = prepare(workspace, "tables", WINDOWS, path=root / "shop")
    told = told[["user_id", "item_id", "timestamp", "satisfaction"]].reset_index(drop=True)
    keep(workspace, dataset, told, "service", origin="file", name="service.csv", who="Ann")
    dataset = prepare(workspace, "tables", WINDOWS, path=root / "shop", follows=dataset.id)
    rows = table(workspace, dataset, "service").assign(order_id="o")
    rows = predicted(rows, table(workspace, dataset, "users")).assign(**{FED: True})
    run = run_with(workspace, dataset, {"service_predictions": rows}, {"satisfaction_at_order": TOLD})
    own = {"id": "run-volunteered", "settings": {"models": ["service"]}}  # pages keep answers by the id
    workspace.documents.put(RUNS, run.model_copy(update=own).dump())
    workspace.close()
    return root / "workspace"


def test_the_page_opens_with_who_waits_longer_how_sure_that_is_and_when_it_matters(roots, open_page):
    app = open_page("service", roots["run"])
    assert not app.exception
    headline = next(each.value for each in app.markdown if each.value.startswith("####")).replace("\\", "")
    assert re.match(
        r"#### \*\*Users with region (far|north) waited [\d.]+ days (longer|less) than everyone else in the same "
        r"circumstances\*\*; " + VERDICT,
        headline,
    )
    assert "*unequal*" in headline


def test_each_question_has_its_heading_its_verdict_and_its_table(roots, open_page):
    app = open_page("service", roots["run"])
    headings = [each.value.replace("\\", "") for each in app.subheader]
    assert headings == [
        "Who waits longer",
        "Satisfaction, at order: observed and predicted",
        "Can the predictions be relied on for every group",
        "What predictions say, and what came",
        "Who answers at all",
    ]
    said = words(app)
    assert len(re.findall(VERDICT, said)) >= 5
    assert "Measured against the prediction, users with region south got" in said
    assert "Predictions are off calibration for" in said
    assert "of the orders were rated" in said
    assert "Distance is not in these data" in said
    tables = [each.value for each in app.dataframe if "Verdict" in each.value]
    assert len(tables) == 4
    for shown in tables:
        assert shown["Verdict"].tolist().count("◆ unequal") >= 1
        assert shown.loc[shown["Group"] == SMALL, "Gap"].tolist() == ["hidden"]
    assert len(app.get("plotly_chart")) == 7


def test_small_groups_are_named_as_hidden_only(roots, open_page):
    app = open_page("service", roots["run"])
    for shown in (each.value for each in app.dataframe):
        column = "Group" if "Group" in shown else "group"
        own = shown[shown[column] == SMALL].drop(columns=column)
        assert not own.astype(str).apply(lambda text: text.str.contains(r"\d")).any(axis=None)
    assert not re.search(rf"{SMALL}\W+[\d.]+", words(app))


def test_other_numbers_are_chosen_by_click_and_by_link_and_every_one_has_its_definition(roots, open_page):
    app = open_page("service", roots["run"])
    app.segmented_control(key="delay").set_value("late").run()
    app.segmented_control(key="given").set_value("_observed").run()
    app.segmented_control(key="relied").set_value("residual_ks").run()
    app.segmented_control(key="answers").set_value("satisfaction_weighted_mean").run()
    assert not app.exception
    link = {name: app.query_params[name] for name in ("delay", "given", "relied", "answers")}
    again = open_page("service", roots["run"], **link)
    assert not again.exception
    said = words(again)
    assert said == words(app)
    assert "share of late orders" in said
    assert "have errors spread otherwise than everyone else" in said
    assert "Weighted for who answers, users with" in said
    for name in ("Largest difference of distributions (KS)", "Mean of the answers, weighted for who answers"):
        assert f"**{name}**" in said


@pytest.mark.parametrize("bins", [3, 5])
def test_ages_are_cut_into_as_many_groups_as_the_reader_asks_for(roots, open_page, bins):
    app = open_page("service", roots["run"], by="years", bins=str(bins))
    assert not app.exception
    groups = [each.value["Group"] for each in app.dataframe if "Verdict" in each.value]
    assert [len(own) for own in groups] == 4 * [bins]


def test_every_measure_can_be_shown(roots, open_page):
    app = open_page("service", roots["run"])
    relied = [
        "residual",
        "residual_adjusted",
        "mae",
        "rmse",
        "coverage",
        "width",
        "calibration_error",
        "residual_ks",
        "residual_w1",
    ]
    assert len(app.segmented_control(key="relied").options) == len(relied)
    for name in relied:
        app.segmented_control(key="relied").set_value(name).run()
        assert not app.exception
        assert "When not to use it" in words(app)
        assert ("Worst off is" in words(app)) == (name in ("mae", "rmse"))
    claimed = ["observed", "predicted", "predicted_ks", "predicted_w1"]
    assert len(app.segmented_control(key="claimed").options) == len(claimed)
    for name in claimed:
        app.segmented_control(key="claimed").set_value(name).run()
        assert not app.exception


def test_predictions_can_be_compared_as_whole_distributions_and_promises_for_the_same_order(roots, open_page):
    app = open_page("service", roots["run"], claimed="predicted_ks", relied="residual_adjusted")
    assert not app.exception
    said = words(app)
    assert re.search(r"\*\*Users with region \w+ have predictions spread otherwise than everyone else", said)
    assert "**Strong demographic parity (KS)**" in said
    assert (
        "**Measured against the prediction and in the same circumstances, users with region south got" in said
    )
    assert "With nothing held equal it is" in said
    assert "**Promise kept in the same circumstances (residual)**" in said
    assert "Held equal: freight, month of the order." in said
    assert "Freight stands in for it." in said


def test_an_unknown_choice_in_the_link_gets_a_note_once(roots, open_page):
    app = open_page("service", roots["run"], outcome="<b>no</b>", delay="nothing")
    assert not app.exception
    assert [each.value.replace("\\", "").count("which is not here") for each in app.info] == [1, 1]
    app.run()
    assert not app.info


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        ("2024-10-24", "Fewer than 10 users are left in this part of the shop"),
        ("2024-10-18", "No two groups of this grouping have enough users to be compared"),
    ],
)
def test_a_scope_with_few_orders_says_so_and_the_page_stands(roots, open_page, start, reason):
    app = open_page("service", roots["run"], **{"from": start})
    assert not app.exception
    assert words(app).count(reason) == 3
    assert [each.value for each in app.subheader][0::2] == ["Who waits longer", "Who answers at all"]
    assert not app.get("plotly_chart")


def test_orders_are_audited_before_anything_is_trained(roots, open_page):
    app = open_page("service", roots["data"])
    assert not app.exception
    headline = next(each.value for each in app.markdown if each.value.startswith("####"))
    assert "waited" in headline
    said = words(app)
    assert "Predictions of service appear here as soon as a model is trained" in said
    assert "of the orders were rated" in said


def test_reviews_alone_open_with_what_was_observed(reviewed, open_page):
    app = open_page("service", reviewed[0])
    assert not app.exception
    headline = next(each.value for each in app.markdown if each.value.startswith("####")).replace("\\", "")
    assert re.match(
        r"#### \*\*Users with age .+ gave [\d.]+ points (more|less) than everyone else\*\*; ", headline
    )
    assert app.subheader[0].value == "Rating: observed and predicted"
    assert "Promise kept, in the same circumstances" not in app.segmented_control(key="relied").options
    assert "Who answers at all" not in words(app)


def test_what_customers_volunteered_is_called_that_and_answers_to_no_order(volunteered, open_page):
    app = open_page("service", volunteered)
    assert not app.exception
    said = words(app)
    assert any(each.value == VOLUNTEERED for each in app.caption)
    assert "Predicted when the order is placed" not in said
    assert "These data hold no orders, so nobody was asked." in said
    assert "rows that customers volunteered in feedback are of no order and do not count." in said
    assert "of the orders were rated" not in said
    assert "These data do not tell when orders were delivered" in said
