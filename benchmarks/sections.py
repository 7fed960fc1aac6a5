"""Every section of the audit on Complete Journey: the whole shop, then with every filter changed; the ladder beside pyfixest.

python benchmarks/sections.py [--by ATTRIBUTE] [--epochs N] [--olist FOLDER]

Service needs orders, which Complete Journey has none of: with a folder of Olist's tables its sections are timed there.
"""

import argparse
import tempfile
import time
import warnings
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from measure import in_own_process, print_table

from core.data.dataset import load
from core.data.prepare import prepare
from core.data.service import OUTCOMES
from core.fairness.pricing.ladder import RUNGS
from core.fairness.pricing.ladder import ladder as own_ladder
from core.schema.settings import AuditSettings, DatasetSettings, Scope, TrainSettings
from core.schema.tables import CATEGORY, CHANNEL, PAID_PRICE
from core.store.workspace import Workspace
from core.workflow.auditing import lists_of_run, per_user_of_run
from core.workflow.audits import pricing
from core.workflow.audits.exposure import exposure
from core.workflow.audits.orders import answers, delivery, read_orders
from core.workflow.audits.quality import quality
from core.workflow.audits.service import (
    prediction_distributions,
    residual_distributions,
    residual_parity,
    service,
)
from core.workflow.audits.shop import EPOCH, Shop, partitions, prices_within, read_shop
from core.workflow.audits.slices import slices
from core.workflow.runs import load_run, run_table
from core.workflow.service import PREDICTIONS
from core.workflow.training import train

REPEATS = 3
CATEGORIES, STORES = 20, 3  # the largest ones, where every filter is changed
Ask = Callable[[AuditSettings], object]


def made(folder: str, epochs: int, source: str = "complete_journey", path: str | None = None) -> str:
    """A workspace with a run; its id."""
    workspace = Workspace.open(folder)
    dataset = prepare(workspace, source, DatasetSettings(), path=path and Path(path))
    models = ("service",) if source == "olist" else ()
    settings = TrainSettings(epochs=epochs, ranking=False, models=models)
    return train(workspace, dataset.id, settings, run_id="run-benchmark").id


def largest(shop: Shop, column: str) -> tuple[str, ...]:
    """Names of categories or stores, those with the most purchases first; empty where the data have none."""
    if column not in shop.bought:
        return ()
    names = shop.categories if column == CATEGORY else shop.stores
    return tuple(names[code] for code in shop.bought[column].value_counts().index if code >= 0)


def every_filter_changed(shop: Shop) -> Scope:
    """The largest categories and stores, from the first fifth of the purchases to the last tenth."""
    first, last = (int(shop.bought["day"].quantile(share)) for share in (0.2, 0.9))
    return Scope(
        categories=largest(shop, CATEGORY)[:CATEGORIES],
        stores=largest(shop, CHANNEL)[:STORES],
        start=EPOCH + timedelta(days=first),
        end=EPOCH + timedelta(days=last),
    )


def timed(folder: str, run_id: str, by: str) -> list[dict[str, object]]:
    """Seconds of each section, the best of REPEATS, what is read of the shop being read before."""
    workspace = Workspace.open(folder)
    run = load_run(workspace, run_id)
    began = time.perf_counter()
    shop = read_shop(workspace, load(workspace, run.dataset))
    _ = shop.comparable
    rows: list[dict[str, object]] = [
        {"what": "reading the shop, once", "whole shop": time.perf_counter() - began}
    ]
    lists, per_user = lists_of_run(workspace, run, "test"), per_user_of_run(workspace, run, 10, "test")
    asked: dict[str, Ask] = {
        "exposure by brand": lambda s: exposure(shop, lists, s),
        "same product": lambda s: pricing.same_product(shop, s),
        "price ladder": lambda s: pricing.price_ladder(shop, s),
        "discounts": lambda s: pricing.discounts(shop, s),
        "discounts for the same": lambda s: pricing.discounts_for_the_same(shop, s),
        "why discounts differ": lambda s: pricing.why_discounts_differ(shop, s),
        "offers": lambda s: pricing.offers(shop, s),
        "prices in the lists": lambda s: pricing.steering(shop, lists, s),
        "access, burden, envy": lambda s: pricing.observed(shop, s),
        "further measures of lists": lambda s: quality(shop, lists, per_user, s),
        "slice finder": lambda s: slices(shop, per_user, s),
    }
    return rows + of_all(shop, by, asked) + beside_pyfixest(shop, by)


def timed_service(folder: str, run_id: str) -> list[dict[str, object]]:
    """The same of the sections of Service, by region, the predictions being those of the first outcome of orders."""
    workspace = Workspace.open(folder)
    run = load_run(workspace, run_id)
    dataset = load(workspace, run.dataset)
    shop, orders = read_shop(workspace, dataset), read_orders(workspace, dataset)
    predictions = run_table(workspace, run, PREDICTIONS)
    outcome = next(each for each in OUTCOMES if each.name in run.reports)
    about = shop, predictions
    asked: dict[str, Ask] = {
        "who waits longer": lambda s: delivery(shop, orders, s),
        "observed and predicted": lambda s: service(*about, outcome, s),
        "promises for the same order": lambda s: residual_parity(*about, orders, outcome, s),
        "whole distributions of errors": lambda s: residual_distributions(*about, outcome, s),
        "whole distributions of predictions": lambda s: prediction_distributions(*about, outcome, s),
        "who answers": lambda s: answers(shop, orders, s),
    }
    return of_all(shop, "region", asked)


def of_all(shop: Shop, by: str, asked: dict[str, Ask]) -> list[dict[str, object]]:
    """Seconds of each question, of the whole shop and with every filter changed."""
    scopes = {"whole shop": Scope(), "every filter changed": every_filter_changed(shop)}
    settings = {name: AuditSettings(by=((by,),), scope=scope) for name, scope in scopes.items()}
    return [
        {"what": what}
        | {name: min(seconds(ask, each) for _ in range(REPEATS)) for name, each in settings.items()}
        for what, ask in asked.items()
    ]


def seconds(ask: Ask, settings: AuditSettings) -> float:
    began = time.perf_counter()
    ask(settings)
    return time.perf_counter() - began


def beside_pyfixest(shop: Shop, by: str) -> list[dict[str, object]]:
    """The rungs without quantity by pyfixest, on the same lines and groups; both the best of REPEATS."""
    from pyfixest import feols

    settings = AuditSettings(by=((by,),))
    purchases = prices_within(shop, Scope(), comparable=True)
    (part,) = partitions(shop.users, purchases.users, settings)
    group = part.strata[purchases.place]
    base = int(np.bincount(group).argmax())
    dummies = {f"g{g}": (group == g).astype(float) for g in range(part.n_strata) if g != base}
    data = pd.DataFrame({"y": np.log(purchases.lines[PAID_PRICE]), "user": purchases.place, **dummies})

    def peer(_: AuditSettings) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            feols(f"y ~ {' + '.join(dummies)}", data, vcov={"CRV1": "user"}, lean=True)
            for name in RUNGS:
                data["s"] = purchases.stratum(name)
                feols(f"y ~ {' + '.join(dummies)} | s", data, vcov={"CRV1": "user"}, lean=True)

    own = min(seconds(lambda s: own_ladder(purchases, part, settings=s), settings) for _ in range(REPEATS))
    return [
        {"what": "ladder: five rungs, the last by pyfixest", "whole shop": own},
        {
            "what": "ladder: four rungs, all by pyfixest 0.60",
            "whole shop": min(seconds(peer, settings) for _ in range(REPEATS)),
        },
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--by", default="income")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--olist", help="folder of Olist's tables, for the sections of Service")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run_id, _, _ = in_own_process(made, folder, options.epochs)
        rows, _, memory = in_own_process(timed, folder, run_id, options.by)
    print_table(f"Sections of the audit by {options.by}, seconds; peak {memory:,.0f} MB", rows)
    if options.olist:
        with tempfile.TemporaryDirectory() as folder:
            run_id, _, _ = in_own_process(made, folder, options.epochs, "olist", options.olist)
            rows, _, memory = in_own_process(timed_service, folder, run_id)
        print_table(f"Sections of Service on Olist by region, seconds; peak {memory:,.0f} MB", rows)


if __name__ == "__main__":
    main()
