"""What the metrics of prices, discounts, offers and steering mean.

A key with a leading underscore follows the kind of discount, as in `coupon_discount_rate`.
"""

from functools import partial

from core.schema.definitions import Definition

_metric = partial(Definition, section="pricing")

_OVERLAP = "ours; overlap weights as in Li, Morgan & Zaslavsky, JASA 113 (2018)"
_LADDER = "fixed effects; few clusters as in MacKinnon & Webb, Journal of Applied Econometrics 32 (2017)"
_DECOMPOSITION = "Kitagawa-Oaxaca-Blinder, pooled as in Jann, Stata Journal 8 (2008)"
_STEERING = "after Hannak et al., IMC 2014"

DEFINITIONS: dict[str, Definition] = {
    "same_product_price": _metric(
        name="Price for the same product",
        formula="Σ w (p̄ₐ − p̄_b) / p̄ over strata, over Σ w; w = nₐ n_b / (nₐ + n_b)",
        meaning="How much more a group pays for the same product in the same week and store; above 0 it pays "
        "more.",
        unit="share of the price",
        range="no fixed ends",
        ideal="0",
        source=_OVERLAP,
        avoid="Where groups hardly buy the same at the same time (see how much can be compared); for what is "
        "sold by weight.",
    ),
    "same_product_shelf_price": _metric(
        name="Shelf price for the same product",
        formula="the same with list prices",
        meaning="How much dearer the shelf is where a group buys the same product in the same week and "
        "store; above 0 dearer.",
        unit="share of the price",
        range="no fixed ends",
        ideal="0",
        source=_OVERLAP,
        avoid="Where the data's list price is not what stood on the shelf.",
    ),
    "same_product_coverage": _metric(
        name="Money that can be compared",
        formula="money of both sides in strata where both buy / all their money",
        meaning="How much of what a group and the others spend lies where both buy the same product; higher "
        "is a broader answer.",
        unit="share",
        range="0 to 1",
        ideal="1",
        source="ours",
        avoid="As a measure of fairness: it tells how far the price gap can be trusted to speak for all "
        "purchases.",
    ),
    "price_gap_raw": _metric(
        name="Price gap, nothing held equal",
        formula="exp(β) − 1 from log p = α + β(group) + e",
        meaning="How much dearer per piece a group's purchases are, whatever it buys; above 0 dearer.",
        unit="share of the price",
        range="−1 upwards",
        ideal="0",
        source=_LADDER,
        avoid="As a sign of different prices: it is mostly what people choose to buy.",
    ),
    "price_gap_product": _metric(
        name="Price gap for the same product",
        formula="exp(β) − 1 from log p = α(product) + β(group) + e",
        meaning="How much more a group pays for the same product, whenever and wherever; above 0 it pays "
        "more.",
        unit="share of the price",
        range="−1 upwards",
        ideal="0",
        source=_LADDER,
        avoid="Where prices move over time and groups buy at different times.",
    ),
    "price_gap_product_time": _metric(
        name="Price gap for the same product and week",
        formula="exp(β) − 1 from log p = α(product, week) + β(group) + e",
        meaning="How much more a group pays for the same product in the same week; above 0 it pays more.",
        unit="share of the price",
        range="−1 upwards",
        ideal="0",
        source=_LADDER,
        avoid="Where stores differ in price and groups in stores.",
    ),
    "price_gap_product_time_store": _metric(
        name="Price gap for the same product, week and store",
        formula="exp(β) − 1 from log p = α(product, week, store) + β(group) + e",
        meaning="How much more a group pays for the same product in the same week and store; above 0 it pays "
        "more.",
        unit="share of the price",
        range="−1 upwards",
        ideal="0",
        source=_LADDER,
        avoid="For groups of a dozen users: the gap by overlap weights is the safer one.",
    ),
    "price_gap_conditional": _metric(
        name="Price gap, all held equal",
        formula="exp(β) − 1 from log p = α(finest stratum) + β(group) + γ log quantity + e",
        meaning="How much more a group pays for the same product, week, store and quantity; above 0 it pays "
        "more.",
        unit="share of the price",
        range="−1 upwards",
        ideal="0",
        source=_LADDER,
        avoid="Where the quantity is itself a consequence of the price.",
    ),
    "_discount_rate": _metric(
        name="How often a discount is had",
        formula="lines with a discount of the kind / lines",
        meaning="How many of a group's purchases are discounted; higher is more.",
        unit="share; gaps in percentage points",
        range="0 to 1",
        ideal="",
        source="ours, after demographic parity",
        avoid="As a sign of unequal offers: groups buy different things; see it for the same product.",
    ),
    "_discount_depth": _metric(
        name="How deep the discount is",
        formula="mean over lines of discount / list price, 0 without a discount",
        meaning="How much is taken off the list price of a group's purchases; higher is more.",
        unit="share of the list price; gaps in percentage points",
        range="0 to 1",
        ideal="",
        source="ours, after demographic parity",
        avoid="As a sign of unequal offers: groups buy different things; see it for the same product.",
    ),
    "_discount_rate_same_product": _metric(
        name="How often a discount is had on the same product",
        formula="Σ w (rateₐ − rate_b) over strata, over Σ w; w = nₐ n_b / (nₐ + n_b)",
        meaning="How much more often a group gets a discount on the same product in the same week and store; "
        "above 0 more often.",
        unit="percentage points",
        range="−1 to 1",
        ideal="0",
        source=_OVERLAP,
        avoid="Where groups hardly buy the same at the same time.",
    ),
    "_discount_depth_same_product": _metric(
        name="How deep the discount is on the same product",
        formula="Σ w (depthₐ − depth_b) over strata, over Σ w; w = nₐ n_b / (nₐ + n_b)",
        meaning="How much more is taken off for a group on the same product in the same week and store; "
        "above 0 more.",
        unit="percentage points",
        range="−1 to 1",
        ideal="0",
        source=_OVERLAP,
        avoid="Where groups hardly buy the same at the same time.",
    ),
    "discount_gap": _metric(
        name="Gap in discount",
        formula="mean depth over the group's lines − mean depth over the others' lines",
        meaning="How much more of the list price a group is spared than the others; above 0 more. The parts "
        "below add up to it.",
        unit="percentage points",
        range="−1 to 1",
        ideal="0",
        source=_DECOMPOSITION,
        avoid="Alone: its parts say where it comes from.",
    ),
    "discount_gap_explained": _metric(
        name="Gap in discount that purchases explain",
        formula="what + when + where",
        meaning="How much of the gap in discount comes from what, when and where a group buys; above 0 these "
        "bring it more discount.",
        unit="percentage points",
        range="no fixed ends",
        ideal="",
        source=_DECOMPOSITION,
        avoid="As excused: what is offered where, and to whom, may itself be a choice of the shop.",
    ),
    "discount_gap_what": _metric(
        name="Gap in discount from what is bought",
        formula="mean product effect over the group's lines − over the others' lines",
        meaning="How much of the gap in discount comes from the products that a group buys; above 0 they are "
        "more discounted.",
        unit="percentage points",
        range="no fixed ends",
        ideal="",
        source=_DECOMPOSITION,
        avoid="Where products are bought by one group alone: their effect and the group's cannot be told "
        "apart well.",
    ),
    "discount_gap_when": _metric(
        name="Gap in discount from when is bought",
        formula="mean week effect over the group's lines − over the others' lines",
        meaning="How much of the gap in discount comes from the weeks in which a group buys; above 0 they "
        "are more discounted.",
        unit="percentage points",
        range="no fixed ends",
        ideal="",
        source=_DECOMPOSITION,
        avoid="For offers on single products: effects of weeks and products add up, there are none of both.",
    ),
    "discount_gap_where": _metric(
        name="Gap in discount from where is bought",
        formula="mean store effect over the group's lines − over the others' lines",
        meaning="How much of the gap in discount comes from the stores in which a group buys; above 0 they "
        "give more.",
        unit="percentage points",
        range="no fixed ends",
        ideal="",
        source=_DECOMPOSITION,
        avoid="For offers of single stores on single products: effects of stores and products add up, there "
        "are none of both.",
    ),
    "discount_gap_unexplained": _metric(
        name="Gap in discount that is left",
        formula="β(group) − β(others) from depth = α(product) + week + store + β + e",
        meaning="How much more discount a group gets on the same products, weeks and stores; above 0 more.",
        unit="percentage points",
        range="no fixed ends",
        ideal="0",
        source=_DECOMPOSITION,
        avoid="As proof of discrimination: what the data do not hold, such as sizes of baskets, is in it.",
    ),
    "offered": _metric(
        name="Users with an offer",
        formula="users with an offer / users who buy",
        meaning="How many users of a group are offered a campaign at all; higher is more.",
        unit="share; gaps in percentage points",
        range="0 to 1",
        ideal="",
        source="ours",
        avoid="Where campaigns go by spending and groups spend differently: see it given the same spending.",
    ),
    "offers": _metric(
        name="Offers per user",
        formula="offers / users who buy",
        meaning="How many campaigns a user of the group is offered; higher is more.",
        unit="offers per user",
        range="0 upwards",
        ideal="",
        source="ours",
        avoid="Where a few users get most offers: see how many get any.",
    ),
    "redeemed": _metric(
        name="Offers redeemed",
        formula="offers redeemed at least once / offers",
        meaning="How many of a group's offers are used; higher is more.",
        unit="share; gaps in percentage points",
        range="0 to 1",
        ideal="",
        source="ours",
        avoid="As a fault of users: offers may not suit them.",
    ),
    "redeemers": _metric(
        name="Users who redeem",
        formula="users who redeemed an offer / users with an offer",
        meaning="How many users with an offer use one; higher is more.",
        unit="share; gaps in percentage points",
        range="0 to 1",
        ideal="",
        source="ours",
        avoid="Where some have many offers and others one: more offers are more chances.",
    ),
    "saved": _metric(
        name="Saved by coupons",
        formula="money taken off by coupons and their match / users with an offer",
        meaning="How much a user with an offer saves by coupons; higher is more.",
        unit="currency per user",
        range="0 upwards",
        ideal="",
        source="ours",
        avoid="As the yield of campaigns: the data do not say which offer a coupon came with; who buys more "
        "saves more.",
    ),
    "offered_given_spending": _metric(
        name="Users with an offer, given the same spending",
        formula="Σ w (offeredₐ − offered_b) over tenths of spending, over Σ w; w = nₐ n_b / (nₐ + n_b), "
        "users",
        meaning="How many more users of a group are offered a campaign than others who spent as much before; "
        "above 0 more.",
        unit="percentage points",
        range="−1 to 1",
        ideal="0",
        source=_OVERLAP,
        avoid="As all else being equal: within a tenth spending still differs, and what is bought does too.",
    ),
    "price_percentile": _metric(
        name="How dear lists are of their kind",
        formula="mean over the list of the price percentile within the category (middle of equals)",
        meaning="How dear the items shown are among those of their category; higher is dearer.",
        unit="share (0 cheapest, 1 dearest)",
        range="0 to 1",
        ideal="",
        source=_STEERING,
        avoid="Where categories are coarse: a dearer kind of product then counts as a dearer offer.",
    ),
    "price_percentile_history": _metric(
        name="How dear purchases are of their kind",
        formula="mean over the user's purchase lines of the price percentile within the category",
        meaning="How dear what users bought before is among the items of its category; higher is dearer.",
        unit="share (0 cheapest, 1 dearest)",
        range="0 to 1",
        ideal="",
        source=_STEERING,
        avoid="As what a shop does: it is what users choose.",
    ),
    "price_steering": _metric(
        name="Lists dearer than purchases",
        formula="price percentile of the list − that of the user's purchases",
        meaning="How much dearer, of its kind, what is shown is than what the user buys; above 0 dearer.",
        unit="percentage points",
        range="−1 to 1",
        ideal="0",
        source=_STEERING,
        avoid="For users with few purchases; as intent: a list of what is popular may be dearer for those "
        "who buy cheap.",
    ),
    "price_rank_correlation": _metric(
        name="Dear items first",
        formula="Spearman's correlation of price and closeness to the top",
        meaning="Whether dear items stand before cheap ones in a list; above 0 they do.",
        unit="correlation",
        range="−1 to 1",
        ideal="0",
        source="after Hannak et al., IMC 2014, who take nDCG with the price as gain",
        avoid="Where lists mix categories: prices count as they are. Lists of equal prices have none.",
    ),
    "deal_exposure": _metric(
        name="Deals in the list",
        formula="Σ v_k [item at k is on offer] / Σ v_k, v_k = 1 / log₂(k + 1), items of which it is known",
        meaning="How much of a list's attention goes to items on offer; higher is more.",
        unit="share; gaps in percentage points",
        range="0 to 1",
        ideal="",
        source="ours, after Singh & Joachims, KDD 2018",
        avoid="Where few items were bought just before, so that offers are not known.",
    ),
    "deal_depth": _metric(
        name="Depth of deals in the list",
        formula="Σ v_k depth(item at k) / Σ v_k, v_k = 1 / log₂(k + 1), items of which it is known",
        meaning="How much is taken off the list prices of what is shown, by attention; higher is more.",
        unit="share of the list price; gaps in percentage points",
        range="0 to 1",
        ideal="",
        source="ours, after Singh & Joachims, KDD 2018",
        avoid="Where few items were bought just before, so that offers are not known.",
    ),
}
