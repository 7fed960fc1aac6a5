"""What the metrics of service quality mean.

A key with a leading underscore follows the outcome, as in `delivery_days_residual`, or stands alone.
"""

from functools import partial

from core.schema.definitions import Definition

_metric = partial(Definition, section="service")

DEFINITIONS: dict[str, Definition] = {
    "_observed": _metric(
        name="What users got",
        formula="mean of s over the group's rows",
        meaning="The mean outcome as it was, for example stars or days; higher is more of it.",
        unit="that of the outcome",
        range="that of the outcome",
        ideal="",
        source="ours",
        avoid="As what the model thinks of a group; between groups whose circumstances differ (see the "
        "adjusted mean).",
    ),
    "_predicted": _metric(
        name="What the model says",
        formula="mean of ŝ over the group's rows",
        meaning="The mean outcome that the model expects; higher is more of it.",
        unit="that of the outcome",
        range="that of the outcome",
        ideal="",
        source="ours",
        avoid="As what users got: equal predictions are another claim than equal outcomes.",
    ),
    "_residual": _metric(
        name="Promise kept (residual)",
        formula="mean of s − ŝ over the group's rows",
        meaning="How much more came than was predicted; below 0 the model over-promises to the group (of days, where "
        "more is worse, above 0).",
        unit="that of the outcome",
        range="no fixed ends",
        ideal="0",
        source="ours",
        avoid="Alone: a model can be right on average and far off for everybody; see the error.",
    ),
    "_mae": _metric(
        name="Typical error (MAE)",
        formula="mean of |s − median predicted|",
        meaning="How far off a prediction is on average; higher is worse.",
        unit="that of the outcome",
        range="0 upwards",
        ideal="0",
        source="group error as in Agarwal et al., ICML 2019",
        avoid="Where large misses matter more than small ones: take RMSE.",
    ),
    "_rmse": _metric(
        name="Error, large misses counting more (RMSE)",
        formula="√ mean of (s − ŝ)²",
        meaning="How far off predictions are, large misses counting more; higher is worse.",
        unit="that of the outcome",
        range="0 upwards",
        ideal="0",
        source="group error as in Agarwal et al., ICML 2019",
        avoid="Where a few extreme outcomes decide it.",
    ),
    "_coverage": _metric(
        name="Outcomes within the interval",
        formula="share of s between the ends of its prediction interval",
        meaning="How often the outcome lies in the interval that was promised; below the promised level the "
        "group is misled.",
        unit="share; gaps in percentage points",
        range="0 to 1",
        ideal="the promised level",
        source="equalised coverage: Romano et al., Harvard Data Science Review 2 (2020)",
        avoid="Alone: wide intervals cover anything; see the width.",
    ),
    "_width": _metric(
        name="Width of the interval",
        formula="mean of upper − lower end of the prediction interval",
        meaning="How uncertain the model is; higher is less certain.",
        unit="that of the outcome",
        range="0 upwards",
        ideal="",
        source="ours",
        avoid="Alone: narrow is good only where the interval covers what it should.",
    ),
    "_calibration_intercept": _metric(
        name="Calibration: intercept",
        formula="a of s = a + b ŝ by least squares",
        meaning="What the outcome is where 0 is predicted; above 0, with a slope of 1, predictions are too "
        "low for the group.",
        unit="that of the outcome",
        range="no fixed ends",
        ideal="0",
        source="Cox, Biometrika 45 (1958)",
        avoid="Alone: it moves with the slope, and 0 may be far from any prediction.",
    ),
    "_calibration_slope": _metric(
        name="Calibration: slope",
        formula="b of s = a + b ŝ by least squares",
        meaning="How much the outcome rises with the prediction; below 1 predictions are too extreme for the "
        "group.",
        unit="ratio",
        range="no fixed ends",
        ideal="1",
        source="Cox, Biometrika 45 (1958)",
        avoid="Where predictions hardly vary within the group.",
    ),
    "_calibration_error": _metric(
        name="Calibration error",
        formula="Σ n(b)/n · |mean s − mean ŝ| over ten bins b of ŝ, the same for every group",
        meaning="How far predictions are from outcomes at their level; higher is worse.",
        unit="that of the outcome",
        range="0 upwards",
        ideal="0",
        source="Naeini et al., AAAI 2015, with values in place of probabilities",
        avoid="Between groups of different sizes without the null band: chance alone makes it larger in "
        "small ones.",
    ),
    "_residual_adjusted": _metric(
        name="Promise kept in the same circumstances (residual)",
        formula="b(g) of s − ŝ = b(g) + c′(X − X̄) + e, X what is known when an order is placed",
        meaning="How much more than predicted would come for a group in everybody's average circumstances; below 0 the "
        "model over-promises to the group for the same order (of days, where more is worse, above 0).",
        unit="that of the outcome",
        range="no fixed ends",
        ideal="0",
        source="ours; errors by leaving each user out: MacKinnon, Nielsen & Webb, Journal of Econometrics 232 (2023)",
        avoid="Without the residual as it is: a group that is promised too much because of where it lives is promised too "
        "much all the same; where groups hardly overlap in circumstances.",
    ),
    "_predicted_ks": _metric(
        name="Strong demographic parity (KS)",
        formula="max |P(ŝ ≤ t | g) − P(ŝ ≤ t | others)| over t",
        meaning="How far the shares of a group and of the others that are predicted below any point can differ; higher is "
        "more different, and at 0 no threshold picks one more often than the other.",
        unit="share",
        range="0 to 1",
        ideal="0",
        source="Kolmogorov-Smirnov; strong demographic parity: Jiang et al., UAI 2019",
        avoid="Where outcomes themselves differ, as then right predictions must; with few users, where it is above 0 by "
        "chance (see the null band).",
    ),
    "_predicted_w1": _metric(
        name="Strong demographic parity (Wasserstein)",
        formula="∫ |P(ŝ ≤ t | g) − P(ŝ ≤ t | others)| dt",
        meaning="How far a group's predictions would have to move, on average, to be spread like the others'; higher is "
        "more different.",
        unit="that of the outcome",
        range="0 upwards",
        ideal="0",
        source="Jiang et al., UAI 2019",
        avoid="Where outcomes themselves differ, as then right predictions must; with few users, where it is above 0 by "
        "chance (see the null band).",
    ),
    "_residual_ks": _metric(
        name="Largest difference of distributions (KS)",
        formula="max |F(t) − F_others(t)| over t, F of the residuals s − ŝ",
        meaning="How far the share of errors below any point can differ between a group and the others; "
        "higher is more different.",
        unit="share",
        range="0 to 1",
        ideal="0",
        source="Kolmogorov-Smirnov",
        avoid="With few users, where it is above 0 by chance (see the null band).",
    ),
    "_residual_w1": _metric(
        name="Distance of distributions (Wasserstein)",
        formula="∫ |F(t) − F_others(t)| dt, F of the residuals s − ŝ",
        meaning="How far a group's errors would have to move, on average, to be spread like the others'; "
        "higher is more different.",
        unit="that of the outcome",
        range="0 upwards",
        ideal="0",
        source="Vaserstein 1969",
        avoid="With few users, where it is above 0 by chance (see the null band).",
    ),
    "_response_rate": _metric(
        name="Who answers",
        formula="answers / rows asked",
        meaning="How many of a group's orders are rated; higher is more.",
        unit="share; gaps in percentage points",
        range="0 to 1",
        ideal="",
        source="ours",
        avoid="As satisfaction: the delighted and the angry answer.",
    ),
    "_naive_mean": _metric(
        name="Mean of the answers",
        formula="Σ s / answers",
        meaning="The mean of those who answered; higher is better where the outcome is.",
        unit="that of the outcome",
        range="that of the outcome",
        ideal="",
        source="ours",
        avoid="As the mean of everybody where answering differs between groups.",
    ),
    "_weighted_mean": _metric(
        name="Mean of the answers, weighted for who answers",
        formula="Σ s / e over Σ 1 / e of the answers, e the chance of an answer (at least 0.05)",
        meaning="The mean of everybody, if answering depended on nothing but what is known; higher is better "
        "where the outcome is.",
        unit="that of the outcome",
        range="that of the outcome",
        ideal="",
        source="Hájek 1971; for ratings Schnabel et al., ICML 2016 (SNIPS)",
        avoid="Where answering depends on the answer itself, which nobody can check; where chances are often "
        "cut at 0.05.",
    ),
    "_adjusted": _metric(
        name="Outcome in the same circumstances",
        formula="m(g) of y = m(g) + c′(X − X̄) + e",
        meaning="What a group's mean would be in everybody's average circumstances, such as distance and "
        "weight; higher is more.",
        unit="that of the outcome",
        range="no fixed ends",
        ideal="",
        source="errors by leaving each user out: MacKinnon, Nielsen & Webb, Journal of Econometrics 232 "
        "(2023)",
        avoid="Where groups hardly overlap in circumstances; as excused: circumstances may be the shop's "
        "choice.",
    ),
    "_worst_absolute_loss": _metric(
        name="Largest typical error of any group",
        formula="max over groups of the mean of |s − median predicted|",
        meaning="How far off predictions are for the group that they serve worst; higher is worse. Its upper end bounds "
        "every shown group's error at once.",
        unit="that of the outcome",
        range="0 upwards",
        ideal="at most the loss that is allowed",
        source="bounded group loss: Agarwal, Dudík & Wu, ICML 2019",
        avoid="As inequality: all groups can be as badly off.",
    ),
    "_worst_squared_loss": _metric(
        name="Largest squared error of any group",
        formula="max over groups of the mean of (s − ŝ)²",
        meaning="How far off predictions are for the group that they serve worst, large misses counting more; higher is "
        "worse. Its upper end bounds every shown group's error at once.",
        unit="that of the outcome, squared",
        range="0 upwards",
        ideal="at most the loss that is allowed",
        source="bounded group loss: Agarwal, Dudík & Wu, ICML 2019",
        avoid="Where a few extreme outcomes decide it.",
    ),
}
