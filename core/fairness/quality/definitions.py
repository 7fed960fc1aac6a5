"""What the metrics of users mean: quality of lists, its spread, parity, taste, envy, ratings.

A key with a leading underscore follows the metric that it is about, as in `ndcg@10_madr`.
"""

from functools import partial

from core.schema.definitions import Definition

_metric = partial(Definition, section="users")

_RATINGS = "Yao & Huang, NIPS 2017"

DEFINITIONS: dict[str, Definition] = {
    "ndcg": _metric(
        name="Ranking quality (NDCG)",
        formula="Σ hit(r) / log₂(r + 1) over r ≤ k, divided by Σ 1 / log₂(r + 1) over r ≤ min(k, |T|)",
        meaning="How near the top of the list stands what the user went on to buy; higher is better.",
        unit="score; gaps in percentage points",
        range="0 to 1",
        ideal="1",
        source="Järvelin & Kekäläinen, TOIS 20 (2002), binary gain",
        avoid="When only the first hit or the number of hits matters to the shop.",
    ),
    "recall": _metric(
        name="Share of purchases found (Recall)",
        formula="hits among the first k / |T|",
        meaning="How much of what the user went on to buy was in the list; higher is better.",
        unit="share; gaps in percentage points",
        range="0 to 1",
        ideal="1",
        source="standard",
        avoid="Across groups that buy very different amounts: who buys more than k items cannot reach 1.",
    ),
    "mrr": _metric(
        name="Place of the first hit (MRR)",
        formula="1 / rank of the first hit; 0 without a hit among the first k",
        meaning="How soon the list holds something that the user went on to buy; higher is better.",
        unit="score; gaps in percentage points",
        range="0 to 1",
        ideal="1",
        source="Voorhees, TREC-8 (1999)",
        avoid="When users take several items from a list, as in groceries.",
    ),
    "coverage": _metric(
        name="Share of the catalogue seen (Coverage)",
        formula="1/I · Σᵢ [1 − C(n − cᵢ, m) / C(n, m)], cᵢ of n users shown item i, m the same for all "
        "groups",
        meaning="How much of the catalogue m users of the group, picked at random, are shown together; "
        "higher is a wider view, not by itself a better one.",
        unit="share; gaps in percentage points",
        range="0 to 1",
        ideal="",
        source="Hurlbert, Ecology 52 (1971), eq. 16",
        avoid="As a measure of quality; between audits with another m.",
    ),
    "_madr": _metric(
        name="Mean difference between groups (MADr)",
        formula="2 / (G (G − 1)) · Σ |mean(a) − mean(b)| over pairs of groups a < b",
        meaning="How far the means of two groups are apart, on average over all pairs of groups; higher is "
        "more unequal.",
        unit="that of the metric",
        range="0 upwards",
        ideal="0",
        source="Deldjoo et al., UMUAI 31 (2021)",
        avoid="Without its null band: chance alone keeps it above 0, the more so the smaller the groups.",
    ),
    "_worst": _metric(
        name="Worst-served group",
        formula="smallest mean of all groups",
        meaning="The mean of the group that is served worst, which the row names; higher is better for those "
        "worst off.",
        unit="that of the metric",
        range="that of the metric",
        ideal="",
        source="maximin (Rawls) as in Wang et al., TOIS 41 (2023)",
        avoid="With many small groups, of which one is low by chance: compare it with its null band, not "
        "with the mean of all.",
    ),
    "_cvar": _metric(
        name="Worst-served tenth of users (CVaR)",
        formula="max over q of { q − mean((q − m)⁺) / a }, a = 0.1: the mean of the lowest tenth",
        meaning="The mean over the worst-served tenth of a group's users; higher is better for those worst "
        "off.",
        unit="that of the metric",
        range="that of the metric",
        ideal="",
        source="Rockafellar & Uryasev, Journal of Risk 2 (2000), theorem 1",
        avoid="Where more than a tenth of the users have zero, as in NDCG: it is 0 for every group. "
        "Groups under 100 users are hidden, as it would rest on fewer than ten of them.",
    ),
    "_theil": _metric(
        name="Inequality between users (Theil)",
        formula="1/n · Σ (m / m̄) ln(m / m̄) over users",
        meaning="How unequally a metric is spread among the users of a group; higher is more unequal.",
        unit="nats",
        range="0 to ln n",
        ideal="0",
        source="Shorrocks, Econometrica 48 (1980); for recommenders Speicher et al., KDD 2018",
        avoid="Where most users have zero: it then tells little more than how many those are.",
    ),
    "_cv": _metric(
        name="Variation between users (CV)",
        formula="√(1/n · Σ (m − m̄)²) / m̄ over users",
        meaning="The standard deviation of a metric among the users of a group, as a multiple of its mean; higher is "
        "more unequal.",
        unit="multiple of the mean",
        range="0 to √(n − 1)",
        ideal="0",
        source="half its square is GE(2): Shorrocks, Econometrica 48 (1980)",
        avoid="Where the mean is near zero: it then tells how low that is. Few users with much decide it.",
    ),
    "_variance": _metric(
        name="Variance between users",
        formula="1/n · Σ (m − m̄)² over users",
        meaning="How far the users of a group are from their mean, squared; higher is more unequal.",
        unit="that of the metric, squared",
        range="0 to ¼ for shares",
        ideal="0",
        source="standard; for recommenders Wang et al., TOIS 41 (2023)",
        avoid="Between groups or lists with different means: it falls as all get less. Take CV or Theil then.",
    ),
    "_atkinson": _metric(
        name="Share lost to inequality (Atkinson)",
        formula="1 − (1/n · Σ √m)² / m̄ over users, ε = ½",
        meaning="The share of the metric that could be given up without loss of welfare if all users had the same; higher "
        "is more unequal. With ε of 1 or more it would be 1 as soon as one user has zero, as many have in NDCG: so ½.",
        unit="share",
        range="0 to 1 − 1/n",
        ideal="0",
        source="Atkinson, Journal of Economic Theory 2 (1970)",
        avoid="Between audits with another ε. Where most users have zero: it tells little more than how many those are.",
    ),
    "_between_share": _metric(
        name="Share of inequality between groups",
        formula="Theil index of the groups' means / Theil index of all users",
        meaning="How much of the inequality between users would be left if each had the mean of the group; "
        "higher means that groups matter more.",
        unit="share",
        range="0 to 1",
        ideal="0",
        source="Shorrocks, Econometrica 48 (1980)",
        avoid="As the size of a gap: the luck of single users makes the whole large and this share small.",
    ),
    "opportunity": _metric(
        name="Purchases found, pooled (equal opportunity)",
        formula="hits / purchases, both summed over the users of the group",
        meaning="How likely an item that somebody of the group went on to buy was in the list; higher is "
        "better.",
        unit="share; gaps in percentage points",
        range="0 to 1",
        ideal="1",
        source="Hardt et al., NIPS 2016; for lists Zhu et al., SIGIR 2020",
        avoid="Where a few users buy most of all: they decide it. Recall counts every user alike.",
    ),
    "false_exposure": _metric(
        name="Shown and not bought",
        formula="(shown − hits) / (I − purchases), each summed over the users of the group",
        meaning="How likely an item that was not bought was in the list; higher is more shown in vain. With "
        "equal opportunity it makes up equalised odds.",
        unit="share; gaps in percentage points",
        range="0 to 1",
        ideal="",
        source="Hardt et al., NIPS 2016",
        avoid="Alone: the length of the list and the size of the catalogue all but fix it.",
    ),
    "popularity_lift": _metric(
        name="Popularity lift",
        formula="(mean popularity shown − mean popularity had) / mean popularity had, means over users",
        meaning="How much more popular the items in the lists of a group are than those that its users had "
        "before; above 0 lists push what is popular.",
        unit="share of the popularity had",
        range="−1 upwards",
        ideal="0",
        source="Abdollahpouri et al., RecSys 2020, eqs. 1 and 2",
        avoid="For users with hardly any history; as a ratio of two groups, since it can be negative.",
    ),
    "parity_js": _metric(
        name="Difference of what groups see (Jensen-Shannon)",
        formula="½ KL(P ‖ M) + ½ KL(Q ‖ M), M = (P + Q) / 2, logarithms to base 2",
        meaning="How differently the attention of a group and of the others is spread over categories; "
        "higher is more different.",
        unit="bits",
        range="0 to 1",
        ideal="0",
        source="Lin, IEEE Transactions on Information Theory 37 (1991); parity as in Wang et al., TOIS 41 "
        "(2023)",
        avoid="As harm by itself: groups may want different things. With few users it is above 0 by chance "
        "(see the null band).",
    ),
    "parity_tv": _metric(
        name="Difference of what groups see (total variation)",
        formula="½ Σ |P(c) − Q(c)| over categories c",
        meaning="How much of the attention would have to move to other categories for a group to see what "
        "the others see; higher is more different.",
        unit="share",
        range="0 to 1",
        ideal="0",
        source="demographic parity as in Wang et al., TOIS 41 (2023)",
        avoid="As harm by itself: groups may want different things. With few users it is above 0 by chance "
        "(see the null band).",
    ),
    "differential_fairness": _metric(
        name="Differential fairness",
        formula="mean over c of max(|ln(Pₐ / P_b)|, |ln((1 − Pₐ) / (1 − P_b))|), P = (shown + ½) / (n + 1)",
        meaning="How many times likelier one group is to be shown, or not shown, an item or category, on "
        "average and as a logarithm; higher is more different, 0.69 is twice as likely.",
        unit="nats",
        range="0 upwards",
        ideal="0",
        source="Islam et al., WWW 2021",
        avoid="For what is hardly ever shown and for small groups: there the added ½ decides.",
    ),
    "taste_divergence": _metric(
        name="Distance of lists from taste (calibration)",
        formula="Σ p(c) ln(p(c) / q̃(c)) over categories c, q̃ = 0.99 q + 0.01 p; p had before, q in the list",
        meaning="How far the mix of categories in a list is from what its user had before; higher is less "
        "true to taste.",
        unit="nats",
        range="0 to 4.61",
        ideal="0",
        source="Steck, RecSys 2018, eqs. 6 and 7",
        avoid="Where users want something new, or have hardly any history.",
    ),
    "envy": _metric(
        name="Envy of other lists",
        formula="mean over drawn users w of max(0, Φᵤ(list of w) − Φᵤ(own list))",
        meaning="How much more a list of somebody else would be worth to a user, by the user's own taste; "
        "higher is worse.",
        unit="that of the utility",
        range="0 upwards",
        ideal="0",
        source="Patro et al., WWW 2020",
        avoid="With the scores that made the lists: by them nobody ever envies. Take a utility of its own.",
    ),
    "envy_free": _metric(
        name="Users without envy",
        formula="share of users for whom no drawn list is worth more than the own by over 0.05",
        meaning="How many users would not do better with any of the lists drawn for comparison; higher is "
        "better.",
        unit="share; gaps in percentage points",
        range="0 to 1",
        ideal="1",
        source="Do et al., AAAI 2022",
        avoid="Between audits that drew another number of lists: more draws find more envy.",
    ),
    "value_unfairness": _metric(
        name="Value unfairness of ratings",
        formula="mean over items of |(E[y] − E[r] of the group) − (E[y] − E[r] of the others)|",
        meaning="How differently the ratings of a group and of the others are missed, with direction, item "
        "by item; higher is more unequal.",
        unit="points of the rating",
        range="0 upwards",
        ideal="0",
        source=_RATINGS,
        avoid="Where items have few raters: noise counts as unfairness (see the null band).",
    ),
    "absolute_unfairness": _metric(
        name="Absolute unfairness of ratings",
        formula="mean over items of ||E[y] − E[r]| of the group − |E[y] − E[r]| of the others|",
        meaning="How differently far the ratings of a group and of the others are missed, whatever the "
        "direction; higher is more unequal.",
        unit="points of the rating",
        range="0 upwards",
        ideal="0",
        source=_RATINGS,
        avoid="Where direction matters: too high for one group and as much too low for the other is 0.",
    ),
    "under_unfairness": _metric(
        name="Under-estimation unfairness of ratings",
        formula="mean over items of |max(0, E[r] − E[y]) of the group − the same of the others|",
        meaning="How much more one group's ratings are predicted too low than the others'; higher is more "
        "unequal.",
        unit="points of the rating",
        range="0 upwards",
        ideal="0",
        source=_RATINGS,
        avoid="Alone: it does not see ratings that are predicted too high.",
    ),
    "over_unfairness": _metric(
        name="Over-estimation unfairness of ratings",
        formula="mean over items of |max(0, E[y] − E[r]) of the group − the same of the others|",
        meaning="How much more one group's ratings are predicted too high than the others'; higher is more "
        "unequal.",
        unit="points of the rating",
        range="0 upwards",
        ideal="0",
        source=_RATINGS,
        avoid="Alone: it does not see ratings that are predicted too low.",
    ),
    "_logged": _metric(
        name="Reward as it was logged",
        formula="Σ r / impressions on the ranks audited",
        meaning="How many of the places that were shown were clicked (bought from); higher is better.",
        unit="share; gaps in percentage points",
        range="0 to 1",
        ideal="",
        source="ours",
        avoid="As what the audited lists would earn: another policy was shown.",
    ),
    "_ips": _metric(
        name="Reward had the lists been shown (IPS)",
        formula="Σ w r / impressions, w = min(1[the list has the item at that rank] / p, clip)",
        meaning="How many places of the audited lists would have been clicked (bought from); higher is better.",
        unit="share; gaps in percentage points",
        range="0 upwards (chance can take it above 1)",
        ideal="",
        source="Li et al., KDD 2018 (item and position); clipping: Ionides 2008",
        avoid="With few matched impressions, or where many weights are clipped: then it is too low.",
    ),
    "_snips": _metric(
        name="Reward had the lists been shown, self-normalised (SNIPS)",
        formula="Σ w r / Σ w",
        meaning="The same, divided by the weights, which is steadier; higher is better.",
        unit="share; gaps in percentage points",
        range="0 to 1",
        ideal="",
        source="Swaminathan & Joachims, NIPS 2015",
        avoid="Where the log could not have shown what the lists hold (mean weight far from 1).",
    ),
}
