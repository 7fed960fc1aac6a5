"""Every metric that an audit puts out is defined, and nothing else is."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.fairness.audit import audit_users
from core.fairness.definitions import DEFINITIONS, definition_of, key_of
from core.fairness.disparity import share_levels
from core.fairness.distances import distance_rows
from core.fairness.exposure.attention import position_weights
from core.fairness.exposure.audit import audit_exposure
from core.fairness.exposure.measures import Bought
from core.fairness.exposure.targets import target_shares
from core.fairness.group_rows import mean_rows, total_rows
from core.fairness.groups import Groups
from core.fairness.pricing.funnel import funnel_rows
from core.fairness.pricing.model_definitions import MODEL_DEFINITIONS
from core.fairness.pricing.offer_plan import plan_rows
from core.fairness.pricing.shown import shown_funnel
from core.fairness.pricing.whatif import NOTIONS
from core.fairness.quality.across import across_rows, explained_rows
from core.fairness.quality.envy import envy_metrics, sampled_envy
from core.fairness.quality.inequality import INEQUALITY_METRICS, inequality, inequality_contributions
from core.fairness.quality.off_policy import off_policy
from core.fairness.quality.opportunity import (
    LIFT_METRICS,
    OPPORTUNITY_METRICS,
    lift_contributions,
    opportunity,
    opportunity_contributions,
    popularity_lift,
)
from core.fairness.quality.parity import (
    PARITY_METRICS,
    differential_fairness,
    parity_distances,
    with_counts,
)
from core.fairness.quality.ratings import rating_rows
from core.fairness.quality.tail import tail_rows
from core.fairness.quality.taste import taste_divergence
from core.fairness.service.adjusted import adjusted_rows
from core.fairness.service.group_loss import group_loss_rows
from core.fairness.service.outcomes import outcome_rows
from core.fairness.service.residuals import distribution_rows
from core.fairness.service.response import propensities, response_rows
from core.schema.documents import Dataset
from core.schema.settings import AuditSettings
from core.workflow.audits import pricing
from core.workflow.audits.shop import Shop
from core.workflow.policies.yardsticks import SPENDING
from tests.core.fairness.exposure.made_lists import filled_at_random, groups_of, lists_from
from tests.core.fairness.parts import FAST, part_of
from tests.core.fairness.pricing.pricing_shops import PRODUCTS, shop
from tests.core.fairness.shops import synthetic

SETTINGS = AuditSettings(by=(("age",),), k=5, draws=100, permutations=100)
HALVES = np.repeat([0, 1], 60)
METRICS_DOC = Path(__file__).parents[3] / "docs" / "metrics.md"


def of_users():
    per_user, lists, users = synthetic({"young": 60, "old": 60}, seed=1)
    per_user["mrr@10"] = per_user["ndcg@10"]
    chosen = SETTINGS.model_copy(update={"k": 10})
    yield from audit_users(per_user, lists, users, 300, chosen).rows["metric"]
    rng, part, options = np.random.default_rng(2), part_of(HALVES), {"section": "users"}
    ndcg = per_user["ndcg@10"].to_numpy()
    rows = across_rows(ndcg[:, None], ["ndcg@10"], part, FAST, **options)
    rows += explained_rows(ndcg, "ndcg@10", part, FAST, **options)
    rows += tail_rows(ndcg, "ndcg@10", part, FAST, **options)
    names = [f"ndcg@10_{name}" for name in INEQUALITY_METRICS]
    rows += total_rows(inequality_contributions(ndcg), inequality, names, part, FAST, **options)
    hits = rng.integers(0, 3, 120)
    counts = opportunity_contributions(hits, hits + 2, np.full(120, 10), n_catalogue=300)
    rows += total_rows(counts, opportunity, OPPORTUNITY_METRICS, part, FAST, **options)
    lift = lift_contributions(*rng.random((2, 120)))
    rows += total_rows(lift, popularity_lift, LIFT_METRICS, part, FAST, **options)
    shown, had = rng.dirichlet(np.ones(3), (2, 120))
    rows += distance_rows(shown, parity_distances, PARITY_METRICS, part, FAST, **options)
    rows += distance_rows(
        with_counts(shown), differential_fairness(), ["differential_fairness"], part, FAST, **options
    )
    taste = rng.random((120, 300))

    def worth(users, items):
        return taste[users[:, None], items]

    envies = sampled_envy(
        lists["item"].to_numpy().reshape(120, 10), worth, weights=position_weights(10), others=5, rng=rng
    )
    single = np.column_stack([taste_divergence(had, shown), envy_metrics(envies)])
    rows += mean_rows(single, ["taste_divergence@10", "envy@10", "envy_free@10"], part, FAST, **options)
    user, item = np.repeat(np.arange(120), 4), rng.integers(0, 6, 480)
    ratings = pd.DataFrame({"user": user, "item": item}).assign(
        predicted=rng.random(480), observed=rng.random(480)
    )
    rows += rating_rows(ratings, np.arange(120), part, FAST)
    logged = lists.assign(clicked=rng.random(len(lists)) < 0.5, propensity=1.0)
    rows += off_policy(logged, lists, np.arange(120), part, FAST, k=10, clip=10.0).rows
    yield from (row.metric for row in rows)


def of_exposure():
    rng, groups = np.random.default_rng(3), groups_of("x", "y", "z")
    lists = lists_from(filled_at_random(120, 5, [0.5, 0.3, 0.2], rng), rng)
    before = pd.DataFrame({"user": rng.integers(0, 120, 900), "item": rng.integers(0, 120, 900)})
    bought = Bought(before, lists[lists["rank"] <= 2][["user", "item"]])
    users = Groups("age", ("young", "old"), HALVES.astype(np.int32), (2,))
    found = audit_exposure(
        lists, np.arange(120), groups, target_shares(groups), SETTINGS, user_groups=[users], bought=bought
    )
    yield from (row.metric for row in found.rows)
    for names in found.joint:
        yield from names
    yield from share_levels(rng.dirichlet(np.ones(3), (120, 2)), np.full(3, 1 / 3), np.ones(3, bool), FAST)


def of_pricing():
    events, items, group = shop(4, users=90)
    events = events.assign(split=events["timestamp"].rank(pct=True).mul(2.9).astype(int))
    offers = pd.DataFrame({"user": np.arange(0, 90, 2), "start": events["timestamp"].max()})
    made = Shop(
        dataset=made_dataset(),
        users=pd.DataFrame({"user_id": np.arange(90).astype(str), "age": np.array(["young", "old"])[group]}),
        items=items.assign(in_catalogue=True),
        offers=offers.assign(redemptions=np.arange(45) % 3),
        events=events,
        bought=events[["user", "item", "split"]],
        zone="UTC",
    )
    rng = np.random.default_rng(5)
    picked = np.argsort(rng.random((90, PRODUCTS)), axis=1)[:, :5]
    lists = pd.DataFrame({"user": np.repeat(np.arange(90), 5), "item": picked.ravel()})
    lists["rank"] = np.tile(np.arange(1, 6), 90)
    parts = [pricing.same_product, pricing.price_ladder, pricing.discounts, pricing.why_discounts_differ]
    for part in (*parts, pricing.discounts_for_the_same, pricing.offers, pricing.observed):
        yield from part(made, SETTINGS).rows["metric"]
    with_income = replace(made, users=made.users.assign(income=np.where(group, "Under 20K", "50K+")))
    yield from pricing.observed(with_income, SETTINGS).rows["metric"]
    yield from pricing.steering(made, lists, SETTINGS).rows["metric"]
    log = lists.assign(clicked=rng.random(len(lists)) < 0.3, purchased=rng.random(len(lists)) < 0.2)
    of_log = shown_funnel(log, np.arange(90), deal=lists["item"].to_numpy() % 2)
    shown = funnel_rows(of_log, part_of(group), FAST, tolerance=0.1)
    yield from (row.metric for row in shown)
    planned = plan_rows(np.arange(120) % 3 == 0, rng.random(120), part_of(HALVES), FAST, tolerance=0.1)
    yield from (row.metric for row in planned)
    yield SPENDING  # of policies: what they cost


def made_dataset():
    return Dataset(
        _id="dataset-made",
        name="made",
        source="tables",
        settings={"maximum_quantity": 50, "split": "temporal"},
        created_at="2024-01-01T00:00:00+00:00",
        quality=[],
        counts={},
        period={},
        attributes=["age"],
        protected=["age"],
        missing={},
        tables={},
    )


def of_service():
    rng, part = np.random.default_rng(6), part_of(HALVES)
    users, codes = rng.integers(0, 120, 400), np.arange(120)
    rows = pd.DataFrame({"user": users, "predicted": rng.normal(4, 0.5, 400)})
    rows["observed"] = rows["predicted"] + rng.normal(0, 0.5, 400)
    rows = rows.assign(low=rows["predicted"] - 1, high=rows["predicted"] + 1)
    found = outcome_rows(rows, codes, part, FAST, prefix="satisfaction_")
    found += outcome_rows(rows, codes, part, FAST)
    found += group_loss_rows(
        rows, codes, part, FAST, zeta={"absolute_loss": 1.0, "squared_loss": 1.0}, prefix="satisfaction_"
    )
    residual = (rows["observed"] - rows["predicted"]).to_numpy()
    found += distribution_rows(residual, users, codes, part, FAST, metric="satisfaction_residual")
    said = rows["predicted"].to_numpy()
    found += distribution_rows(said, users, codes, part, FAST, metric="satisfaction_predicted")
    found += adjusted_rows(residual, users, codes, part, FAST, metric="satisfaction_residual_adjusted")
    found += adjusted_rows(residual, users, codes, part, FAST, metric="delivery_days_adjusted")
    outcome = np.where(rng.random(400) < 0.6, rows["observed"], np.nan)
    chances = propensities(np.isfinite(outcome), rows[["predicted"]])
    found += response_rows(outcome, users, codes, chances, part, FAST, prefix="rating_")
    yield from (row.metric for row in found)


@pytest.mark.parametrize(
    ("section", "metrics"),
    [("users", of_users), ("exposure", of_exposure), ("pricing", of_pricing), ("service", of_service)],
)
def test_every_metric_of_an_audit_is_defined_and_nothing_else(section, metrics):
    found = {metric: key_of(metric, section) for metric in metrics()}
    assert not [metric for metric, key in found.items() if key is None]
    assert {key for _, key in found.values()} == set(DEFINITIONS[section])


@pytest.mark.parametrize(
    ("metric", "section", "expected"),
    [
        ("ndcg@10", None, "ndcg"),
        ("ndcg@10_gap", "users", "ndcg"),
        ("coverage@5_max_min", "users", "coverage"),
        ("ndcg@10_madr", "users", "_madr"),
        ("ndcg@10_cv_ratio", "users", "_cv"),
        ("eor@10_ratio", None, "eor"),
        ("recall@5_cvar_ratio", None, "_cvar"),
        ("mmf_2@5", "exposure", "mmf"),
        ("min_max@5", "exposure", "min_max"),
        ("GG-F", None, "GG-F"),
        ("coverage@5", "exposure", "coverage"),
        ("coverage_gap", "service", "_coverage"),
        ("discount_gap", None, "discount_gap"),
        ("coupon_match_discount_rate_gap", None, "_discount_rate"),
        ("any_discount_rate_same_product", "pricing", "_discount_rate_same_product"),
        ("satisfaction_calibration_error", None, "_calibration_error"),
        ("residual_ks_gap", "service", "_residual_ks"),
        ("rating_predicted_ks_gap", "service", "_predicted_ks"),
        ("delivery_days_residual_adjusted", "service", "_residual_adjusted"),
        ("residual", "service", "_residual"),
    ],
)
def test_names_of_rows_lead_to_their_definition(metric, section, expected):
    found = key_of(metric, section)
    assert found[1] == expected
    assert definition_of(metric, section) is DEFINITIONS[found[0]][expected]


@pytest.mark.parametrize("metric", ["", "gap", "ndcg_of_old", "madr_", "_gap", "prendcg"])
def test_what_no_audit_puts_out_has_no_definition(metric):
    assert definition_of(metric) is None


def test_one_name_in_three_sections_is_three_metrics():
    assert len({definition_of("coverage", section).name for section in ("users", "exposure", "service")}) == 3


def all_definitions():
    of_models = [("pricing", key, one) for key, one in MODEL_DEFINITIONS.items()]
    return of_models + [
        (section, key, one) for section, defined in DEFINITIONS.items() for key, one in defined.items()
    ]


@pytest.mark.parametrize(("section", "key", "one"), all_definitions())
def test_a_definition_says_all_that_a_reader_needs(section, key, one):
    assert one.section == section
    told = {name: text for name, text in vars(one).items() if name != "ideal"}
    assert all(told.values())
    assert one.meaning.endswith(".")
    assert one.avoid.endswith(".")
    assert re.search(r"higher|above|below", one.meaning)


def test_every_notion_of_fair_prices_is_defined():
    assert set(NOTIONS) < set(MODEL_DEFINITIONS)


def test_every_definition_stands_in_the_document_of_metrics():
    quoted = re.findall(r"`([^`\s]+)`", METRICS_DOC.read_text())
    names = {re.sub(r"<[a-z]+>|@k|_r(?=@)", "", name) for name in quoted}
    assert not [key for _, key, _ in all_definitions() if key not in names]
