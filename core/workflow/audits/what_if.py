"""What if each group had its own price? Demand of the scope's products, and the prices that would follow from it."""

from dataclasses import dataclass

from core.fairness.group_rows import generator
from core.fairness.partition import Partition
from core.fairness.pricing.demand import Demand, estimate_demand
from core.schema.settings import AuditSettings
from core.workflow.audits.pricing import asked_products
from core.workflow.audits.shop import Shop, partitions


@dataclass(frozen=True)
class Demanded:
    """The demand for some products; model estimates. `called`: the products, by name."""

    demand: Demand
    part: Partition
    called: str


def demanded(shop: Shop, settings: AuditSettings) -> Demanded:
    """Demand of the groups of the first grouping.

    Raises:
        InputError: no prices, too few buyers, or no product is sold in most weeks at a price that changes.
        NotFound: no such group, category or store.
    """
    purchases, chosen, called = asked_products(shop, settings)
    part = partitions(shop.users, purchases.users, settings)[0]
    found = estimate_demand(purchases, part, chosen, settings=settings, rng=generator(part, settings))
    return Demanded(found, part, called)
