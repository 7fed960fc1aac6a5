"""Every section of the audit on Complete Journey: the whole shop, then with every filter changed; the ladder beside pyfixest.

python benchmarks/sections.py [--by ATTRIBUTE] [--epochs N]
"""

import argparse
import tempfile
import time
import warnings
from collections.abc import Callable
from datetime import date

import numpy as np
import pandas as pd
from measure import in_own_process, print_table

from core.data.dataset import load
from core.data.prepare import prepare
from core.fairness.pricing.ladder import RUNGS
from core.fairness.pricing.ladder import ladder as own_ladder
from core.schema.settings import AuditSettings, DatasetSettings, Scope, TrainSettings
from core.schema.tables import CATEGORY, CHANNEL, PAID_PRICE
from core.store.workspace import Workspace
from core.workflow.auditing import lists_of_run, per_user_of_run
from core.workflow.audits import pricing
from core.workflow.audits.exposure import exposure
from core.workflow.audits.quality import quality
from core.workflow.audits.shop import Shop, partitions, prices_within, read_shop
from core.workflow.audits.slices import slices
from core.workflow.runs import load_run
from core.workflow.training import train

REPEATS = 3


def made(folder: str, epochs: int) -> str:
    """A workspace with a run; its id."""
    workspace = Workspace.open(folder)
    dataset = prepare(workspace, "complete_journey", DatasetSettings())
    settings = TrainSettings(epochs=epochs, ranking=False, models=())
    return train(workspace, dataset.id, settings, run_id="run-benchmark").id


def scopes(shop: Shop) -> dict[str, Scope]:
    """The whole shop, and one with every filter changed."""
    most = {
        name: shop.bought[name].value_counts().index[:few] for name, few in ((CATEGORY, 20), (CHANNEL, 3))
    }
    part = Scope(
        categories=tuple(np.array(shop.categories)[most[CATEGORY]]),
        stores=tuple(np.array(shop.stores)[most[CHANNEL]]),
        start=date(2017, 3, 1),
        end=date(2017, 10, 31),
    )
    return {"whole shop": Scope(), "every filter changed": part}


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
    asked: dict[str, Callable[[AuditSettings], object]] = {
        "exposure by brand": lambda s: exposure(shop, lists, s),
        "same product": lambda s: pricing.same_product(shop, s),
        "price ladder": lambda s: pricing.price_ladder(shop, s),
        "discounts": lambda s: pricing.discounts(shop, s),
        "discounts for the same": lambda s: pricing.discounts_for_the_same(shop, s),
        "why discounts differ": lambda s: pricing.why_discounts_differ(shop, s),
        "offers": lambda s: pricing.offers(shop, s),
        "prices in the lists": lambda s: pricing.steering(shop, lists, s),
        "further measures of lists": lambda s: quality(shop, lists, per_user, s),
        "slice finder": lambda s: slices(shop, per_user, s),
    }
    for name, ask in asked.items():
        row: dict[str, object] = {"what": name}
        for scope_name, scope in scopes(shop).items():
            settings = AuditSettings(by=((by,),), scope=scope)
            row[scope_name] = min(seconds(ask, settings) for _ in range(REPEATS))
        rows.append(row)
    return rows + beside_pyfixest(shop, by)


def seconds(ask: Callable[[AuditSettings], object], settings: AuditSettings) -> float:
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
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run_id, _, _ = in_own_process(made, folder, options.epochs)
        rows, _, memory = in_own_process(timed, folder, run_id, options.by)
    print_table(f"Sections of the audit by {options.by}, seconds; peak {memory:,.0f} MB", rows)


if __name__ == "__main__":
    main()
