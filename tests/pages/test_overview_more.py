"""What the Overview adds to the audit: the worst crossing of attributes, and further measures when asked for."""

import pandas as pd
import pytest

from core.data.dataset import load, table
from core.fairness.groups import CROSS, group_labels
from core.fairness.partition import partition
from core.store.workspace import Workspace
from core.workflow.runs import run_table
from pages.ui.more_measures import KEY
from tests.core.workflow.conftest import made_tables, trained_shop

SLICES, MEASURES = "Is any crossing of attributes served worst?", "More ways to measure it"


def words(app) -> str:
    kinds = ("subheader", "markdown", "caption", "info", "error")
    text = "\n".join(element.value for kind in kinds for element in getattr(app, kind))
    return text.replace("\\", "")


def opened(app):
    """With the fold of further measures open."""
    app.session_state[KEY] = True
    return app.run()


def frame_with(app, column: str) -> pd.DataFrame:
    """The table on the page that has this column."""
    (found,) = (frame.value for frame in app.dataframe if column in frame.value)
    return found


def test_the_overview_answers_whether_any_crossing_is_served_worst(trained, open_page):
    app = open_page("overview", trained[0])
    assert not app.exception
    said = words(app)
    assert SLICES in said
    assert "crossings looked at" in said
    found = frame_with(app, "Difference to all others")
    assert 1 <= len(found) <= 10
    assert found["Users"].str.replace(",", "").astype(int).min() >= 30
    assert "Järvelin & Kekäläinen" in said


def test_further_measures_are_made_when_their_fold_is_opened(trained, open_page):
    app = open_page("overview", trained[0])
    assert MEASURES in words(app)
    assert not any("Measure" in frame.value for frame in app.dataframe)
    opened(app)
    assert not app.exception
    assert "further comparisons" in words(app)
    found = frame_with(app, "Measure").set_index("Measure")
    assert {"Envy of other lists", "Popularity lift", "Differential fairness"} <= set(found.index)
    assert not any("ratings" in name for name in found.index)  # these data have none
    assert "Do et al., AAAI 2022" in words(app)  # every measure is explained


def test_hidden_groups_are_named_nowhere_in_either(trained, open_page):
    root, (run, _) = trained
    workspace = Workspace.open(root, f"sqlite:///{root}/evenhand.db")
    users = table(workspace, load(workspace, run.dataset), "users")
    codes = run_table(workspace, run, "per_user_test")["user"].to_numpy()
    part = partition(group_labels(users, ("age", "income")), codes, minimum=10)
    workspace.close()
    hidden = [name for name, place in part.positions() if place is None]
    assert hidden
    app = opened(open_page("overview", root, by="age*income"))
    assert not app.exception
    furthest = frame_with(app, "Measure")["Group furthest off"].str.cat(sep="\n")
    assert "n=" in furthest
    assert not [name for name in hidden if name in furthest]
    worst = frame_with(app, "Difference to all others")
    both = worst.loc[worst["Attributes"] == "age and income", "Values"]
    assert not set(both) & set(hidden)
    assert all(CROSS in values for values in both)


def test_predicted_ratings_are_measured_where_a_run_has_them(reviewed, open_page):
    app = opened(open_page("overview", reviewed[0]))
    assert not app.exception
    assert "Value unfairness of ratings" in set(frame_with(app, "Measure")["Measure"])


def test_too_few_users_for_any_crossing_are_said_and_not_an_error(tmp_path, open_page):
    made = trained_shop(tmp_path, *made_tables(n_users=50))
    made.workspace.close()
    app = open_page("overview", tmp_path / "workspace", by="sex")
    assert not app.exception
    assert not app.error
    assert "at least 30 users and leaves as many others" in words(app)


@pytest.mark.parametrize("reference", ["rest", "45-54"])
def test_the_measures_compare_with_the_group_that_the_page_compares_with(trained, open_page, reference):
    app = opened(open_page("overview", trained[0], by="age", reference=reference))
    assert not app.exception
    beside = "everyone else" if reference == "rest" else reference
    groups = frame_with(app, "Measure")["Group furthest off"]
    assert groups[groups.str.contains(" beside ")].str.endswith(f" beside {beside}").all()
