"""Attributions as objects of the library shap, for its own plots and for whoever works with them."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import shap


def as_shap(values: pd.DataFrame, shown: pd.DataFrame, *, expected: float) -> "shap.Explanation":
    """One object of N explained predictions; `shap.plots.beeswarm` and the others take it as it is.

    Args:
        values: attributions (N, K), a column per feature. shown: the features' values, text or number, same columns;
            texts are only written beside, and what cannot be read is NaN.
    """
    import shap  # takes seconds to load

    texts = [name for name in shown if not pd.api.types.is_numeric_dtype(shown[name])]
    return shap.Explanation(
        values=values.to_numpy(float),
        base_values=np.full(len(values), expected),
        data=shown.assign(**dict.fromkeys(texts, np.nan))[list(values)].to_numpy(float),
        display_data=shown[list(values)].to_numpy(object),
        feature_names=list(values),
    )
