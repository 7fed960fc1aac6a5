"""What the metrics of exposure mean."""

from functools import partial

from core.schema.definitions import Definition

_metric = partial(Definition, section="exposure")

_EXPECTED = "Diaz et al., CIKM 2020"

DEFINITIONS: dict[str, Definition] = {
    "exposure_share": _metric(
        name="Share of attention",
        formula="x(h) = mean over lists of Σ v_k [item at k is of h] / Σ v_k",
        meaning="How much of the attention that lists give goes to a group of items; higher is more seen.",
        unit="share; gaps in percentage points",
        range="0 to 1",
        ideal="target",
        source="Singh & Joachims, KDD 2018",
        avoid="As a verdict without a thought about the target: a share of the catalogue knows nothing of "
        "demand.",
    ),
    "exposure_dp": _metric(
        name="Attention per item against the rest",
        formula="(x / y) / ((1 − x) / (1 − y)), x share of attention, y share of the catalogue",
        meaning="How many times the attention of any other item the average item of the group gets; above 1 "
        "favours the group.",
        unit="ratio",
        range="0 upwards",
        ideal="1",
        source="Singh & Joachims, KDD 2018 (demographic parity)",
        avoid="Where groups differ much in demand: compare by merit then.",
    ),
    "dtr": _metric(
        name="Attention per purchase against the rest (DTR, EUR)",
        formula="(x / y) / ((1 − x) / (1 − y)), x share of attention, y share of training purchases",
        meaning="How many times the attention of the rest the group gets for the same purchases before; "
        "above 1 favours it.",
        unit="ratio",
        range="0 upwards",
        ideal="1",
        source="Singh & Joachims, KDD 2018; EUR in Raj & Ekstrand, SIGIR 2022",
        avoid="For new items, which had no time to be bought; where earlier lists made the purchases.",
    ),
    "dir": _metric(
        name="Attention on what was wanted, against the rest (DIR, RUR)",
        formula="(a / w) / (a of the rest / w of the rest), w items that users went on to buy, a attention "
        "that those had got",
        meaning="How much more attention the later purchases of a group had got, each, than those of other "
        "groups; above 1 favours the group.",
        unit="ratio",
        range="0 upwards",
        ideal="1",
        source="Singh & Joachims, KDD 2018; RUR in Raj & Ekstrand, SIGIR 2022",
        avoid="Where few items of the group were bought; where users can hardly buy what they are not shown.",
    ),
    "eor": _metric(
        name="Attention on what each user wanted, against the rest (EOR)",
        formula="E[e | wanted, of the group] / E[e | wanted, of the rest], e attention of an item in its user's list; mean "
        "over a user's items, then over users",
        meaning="How much more attention a later purchase of the group had got than one of other groups, for the average "
        "user; above 1 favours the group. DIR takes the mean over all purchases instead, so that who buys much weighs "
        "more; both agree where all buy as many.",
        unit="ratio",
        range="0 upwards",
        ideal="1",
        source="ours: equal opportunity (Hardt et al., NIPS 2016) on the exposure of Singh & Joachims, KDD 2018",
        avoid="Where few users bought of the group; where users can hardly buy what they are not shown.",
    ),
    "awrf_js_user": _metric(
        name="Fit of single lists to the target (AWRF)",
        formula="mean over lists of 1 − JSD(shares of attention ‖ target), JSD in bits",
        meaning="How close the attention in each list is to the target; higher is closer.",
        unit="score",
        range="0 to 1",
        ideal="that of lists filled at random by the target",
        source="Sapiezynski et al., WWW 2019 companion; with this divergence as in TREC Fair Ranking 2021",
        avoid="Against 1, which no short list reaches: read the gap to lists filled at random.",
    ),
    "awrf_js_pooled": _metric(
        name="Fit of all lists together to the target (AWRF)",
        formula="1 − JSD(mean shares of attention ‖ target), JSD in bits",
        meaning="How close the attention of all lists together is to the target; higher is closer.",
        unit="score",
        range="0 to 1",
        ideal="1",
        source="Sapiezynski et al., WWW 2019 companion; with this divergence as in TREC Fair Ranking 2021",
        avoid="For what single users see: lists that lean to opposite sides make up for each other.",
    ),
    "ndkl_user": _metric(
        name="Lean of the tops of single lists (NDKL)",
        formula="mean over lists of Σ KL(D_k ‖ D) / log₂(k + 1), over Σ 1 / log₂(k + 1); D_k groups among "
        "the first k",
        meaning="How far the groups at the tops of lists are from the target; higher is further.",
        unit="nats",
        range="0 upwards",
        ideal="that of lists filled at random by the target",
        source="Geyik et al., KDD 2019",
        avoid="Against 0, as one item never fits a target; where the target of a group is 0 (it has no value "
        "then).",
    ),
    "ndkl_pooled": _metric(
        name="Lean of the tops of all lists together (NDKL)",
        formula="Σ KL(D_k ‖ D) / log₂(k + 1), over Σ 1 / log₂(k + 1); D_k groups among the first k of all "
        "lists",
        meaning="How far the groups at the tops of all lists together are from the target; higher is "
        "further.",
        unit="nats",
        range="0 upwards",
        ideal="0",
        source="Geyik et al., KDD 2019, of pooled lists",
        avoid="For what single users see; without its null band, as chance alone keeps it above 0.",
    ),
    "arp": _metric(
        name="Popularity of what is shown (ARP)",
        formula="mean over lists of the mean number of training purchases of their items",
        meaning="How often the items in lists had been bought before; higher is more popular.",
        unit="purchases per item",
        range="0 upwards",
        ideal="",
        source="Yin et al., VLDB 2012, as in Abdollahpouri et al., FLAIRS 2019",
        avoid="Between data sets or periods: it grows with the data.",
    ),
    "aplt": _metric(
        name="Share of niche items (APLT)",
        formula="mean over lists of the share of items that are of the tail: the least bought, with a fifth "
        "of all purchases",
        meaning="How much of a list is niche; higher is more.",
        unit="share",
        range="0 to 1",
        ideal="",
        source="Abdollahpouri, Burke & Mobasher, FLAIRS 2019",
        avoid="As good by itself: users may not want the tail.",
    ),
    "aclt": _metric(
        name="Number of niche items (ACLT)",
        formula="mean over lists of the number of items that are of the tail",
        meaning="How many niche items a list holds; higher is more.",
        unit="items per list",
        range="0 to k",
        ideal="",
        source="Abdollahpouri, Burke & Mobasher, FLAIRS 2019, counted per list as in Elliot",
        avoid="Between lists of different lengths: take the share.",
    ),
    "gini_items": _metric(
        name="Concentration on few items (Gini)",
        formula="Σ (2i − I − 1) x₍ᵢ₎ / (I Σ x), attention x ascending, items never shown included",
        meaning="How unequally attention is spread over the catalogue; higher is fewer items.",
        unit="score",
        range="0 to (I − 1) / I",
        ideal="",
        source="for recommenders Fleder & Hosanagar, Management Science 55 (2009)",
        avoid="Between different numbers of users: few users leave many items unseen, which makes it larger.",
    ),
    "gini_groups": _metric(
        name="Concentration on few groups (Gini)",
        formula="Gini index of x(h) / target(h) over groups of items",
        meaning="How unequally groups get what their targets say; higher is more unequal.",
        unit="score",
        range="0 to (H − 1) / H",
        ideal="0",
        source="for recommenders Fleder & Hosanagar, Management Science 55 (2009)",
        avoid="With two or three groups: their shares say more.",
    ),
    "entropy_items": _metric(
        name="Variety of items (entropy)",
        formula="−Σ p(i) ln p(i), p shares of attention",
        meaning="How evenly attention is spread over the catalogue; higher is more even.",
        unit="nats",
        range="0 to ln I",
        ideal="",
        source="Shannon, Bell System Technical Journal 27 (1948)",
        avoid="Between different numbers of users: few users cannot be shown everything, which makes it "
        "smaller.",
    ),
    "entropy_groups": _metric(
        name="Variety of groups (entropy)",
        formula="−Σ x(h) ln x(h)",
        meaning="How evenly attention is spread over groups of items; higher is more even.",
        unit="nats",
        range="0 to ln H",
        ideal="",
        source="Shannon, Bell System Technical Journal 27 (1948)",
        avoid="Against a target: it is highest at equal shares, whatever the target.",
    ),
    "coverage": _metric(
        name="Share of the catalogue shown to anybody",
        formula="items in any list / I",
        meaning="How much of the catalogue at least one user is shown; higher is more.",
        unit="share",
        range="0 to 1",
        ideal="",
        source="Ge, Delgado-Battenfeld & Jannach, RecSys 2010",
        avoid="Between different numbers of users, as it grows with the lists; between groups take that of "
        "the users' section.",
    ),
    "min_max": _metric(
        name="Worst-off group against the best-off",
        formula="min x(h) / target(h), over max x(h) / target(h)",
        meaning="How the group furthest below its target stands to the one furthest above; higher is more "
        "equal.",
        unit="ratio",
        range="0 to 1",
        ideal="1",
        source="min-max ratio as in FairDiverse",
        avoid="With many small groups, of which one is low by chance.",
    ),
    "attention_to_move": _metric(
        name="Attention that would have to move",
        formula="½ Σ |x(h) − target(h)|",
        meaning="How much of all attention would have to go to other groups of items for each to get its target; higher is "
        "further off.",
        unit="share",
        range="0 to 1",
        ideal="0",
        source="total variation distance",
        avoid="Between groupings: finer groups are further off. Near 0 noise alone keeps it above.",
    ),
    "attention_shortfall": _metric(
        name="What the worst-off group lacks of its target",
        formula="max 1 − x(h) / target(h), over named groups",
        meaning="How much of its target the group of items furthest below it does not get, Unknown left out; higher is "
        "worse.",
        unit="share of the target",
        range="0 to 1",
        ideal="0",
        source="ours, after max-min fairness as in P-MMF (Xu et al., WWW 2023)",
        avoid="With a group of a handful of items, which no list may show by chance.",
    ),
    "mmf": _metric(
        name="Share of the worst-off groups (MMF@r)",
        formula="Σ of the r lowest x(h) / target(h), over Σ of all; r is a quarter of the groups, and stands "
        "in the name",
        meaning="What the groups furthest below their targets get of the whole; higher is more equal.",
        unit="share",
        range="0 to r / H",
        ideal="r / H",
        source="max-min fairness as in P-MMF (Xu et al., WWW 2023)",
        avoid="Between groupings with different numbers of groups: its best value differs.",
    ),
    "rsp": _metric(
        name="Spread of chances to be listed (RSP)",
        formula="std / mean over h of P(h), P(h) = items of h listed / items of h that could be listed",
        meaning="How differently likely items of the groups are to be listed at all; higher is more unequal.",
        unit="ratio",
        range="0 upwards",
        ideal="0",
        source="Zhu, Wang & Caverlee, SIGIR 2020",
        avoid="Where groups differ much in demand; it does not see places. Without its null band, as chance alone keeps it "
        "above 0.",
    ),
    "reo": _metric(
        name="Spread of chances of wanted items to be listed (REO)",
        formula="std / mean over h of P(h), P(h) = hits of h / items of h that users went on to buy",
        meaning="How differently likely wanted items of the groups are to be listed; higher is more unequal.",
        unit="ratio",
        range="0 upwards",
        ideal="0",
        source="Zhu, Wang & Caverlee, SIGIR 2020",
        avoid="Without its null band: chance alone keeps it above 0. Where a group was hardly bought, few purchases decide "
        "(under 5 it does not count).",
    ),
    "iaa": _metric(
        name="Attention that does not follow purchases (IAA)",
        formula="Σ |A(i) − R(i)| over items, A attention and R later purchases, both as means of shares per "
        "user",
        meaning="How much attention goes elsewhere than what users went on to buy, over all lists; higher is "
        "worse.",
        unit="sum of differences of shares",
        range="0 to 2",
        ideal="0",
        source="Biega, Gummadi & Weikum, SIGIR 2018, eq. 3, per list",
        avoid="Without its null band: single purchases cannot follow attention, so chance alone makes it large. Just above "
        "the band nothing is shown: where most items turn up once or twice, it is up to 2 % too low.",
    ),
    **dict.fromkeys(
        ("ee_l_items_user", "ee_l_groups_user", "ee_l_groups_pooled"),
        _metric(
            name="Distance to equal exposure of the relevant (EE-L)",
            formula="‖ε − ε*‖² = EE-D − 2 · EE-R + ‖ε*‖², ε* shares the first places equally among relevant "
            "items",
            meaning="How far the attention of items (or of groups, summed) is from what equally relevant items "
            "should get; higher is further. User: each list, then averaged; pooled: mean attention of all "
            "lists.",
            unit="squared share of attention",
            range="0 upwards",
            ideal="0",
            source=_EXPECTED,
            avoid="Against 0 for single lists: one fixed list cannot share places. Against the paper's numbers: "
            "weights sum to 1 here.",
        ),
    ),
    **dict.fromkeys(
        ("ee_d_items_user", "ee_d_groups_user"),
        _metric(
            name="Concentration of exposure (EE-D)",
            formula="‖ε‖²",
            meaning="How concentrated the attention of a list is on items (or groups); higher is more "
            "concentrated.",
            unit="squared share of attention",
            range="0 to 1",
            ideal="",
            source=_EXPECTED,
            avoid="Over items of fixed full lists: it is the same for all of them.",
        ),
    ),
    **dict.fromkeys(
        ("ee_r_items_user", "ee_r_groups_user"),
        _metric(
            name="Exposure of the relevant (EE-R)",
            formula="ε · ε*, without the factor 2 of EE-L",
            meaning="How well the attention of a list goes to what was relevant; higher is better.",
            unit="squared share of attention",
            range="0 to 1",
            ideal="",
            source=_EXPECTED,
            avoid="Between users with different numbers of relevant items: more of them leave each a smaller "
            "target.",
        ),
    ),
    "popularity_lift": _metric(
        name="Popularity lift",
        formula="(mean buyers of items shown − mean buyers of items had) / mean buyers of items had",
        meaning="How much more often bought the items in a group's lists are than those that its users had "
        "before; above 0 lists push what is popular.",
        unit="share of the popularity had",
        range="−1 upwards",
        ideal="0",
        source="Abdollahpouri et al., RecSys 2020, eq. 2",
        avoid="For users with hardly any history.",
    ),
    **dict.fromkeys(
        ("II-F", "IG-F", "GI-F", "GG-F", "AI-F", "AG-F"),
        _metric(
            name="Joint multisided exposure (JME)",
            formula="mean over blocks of (E − T)²: users (I), their groups (G) or all (A) by items (I) or their "
            "groups (G)",
            meaning="How far what users, or groups of users, are shown is from the target, item by item or group "
            "by group; higher is further.",
            unit="squared share of attention per item",
            range="0 upwards",
            ideal="0",
            source="Wu et al., SIGIR 2022",
            avoid="Between groupings or catalogues of different sizes: numbers are of the size of 1 / I², and "
            "small groups make them larger by chance.",
        ),
    ),
}
