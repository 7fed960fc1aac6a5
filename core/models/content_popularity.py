"""How popular a product is to be expected from its attributes alone."""

import numpy as np
from scipy import sparse
from sklearn.linear_model import TweedieRegressor

POWER = 1.5  # of the mean, in the variance
PRIOR_VARIANCE = 1.0  # of what one code adds to the logarithm
STEPS = 300


def popularity_of_codes(rows: np.ndarray, codes: int, popularity: np.ndarray) -> tuple[float, np.ndarray]:
    """Logarithm of the popularity to be expected of a product: a constant, and what each of its attributes adds.

    A compound Poisson-gamma regression with a ridge (Jørgensen, JRSS B 1987; Smyth & Jørgensen, ASTIN Bulletin 2002). It
    matches the mean, not that of logarithms, which the many products that hardly anybody takes would pull down; and
    its variance grows faster than the mean, as that of sales does. The ridge is a normal prior on each code, at the
    dispersion that there is.

    Args:
        rows: codes (A, I) of the A attributes of the products to learn from, those of one attribute behind those
            of the one before.
        codes: how many there are.
        popularity: (I,) purchases, or what is proportional to them; not all zero.

    Returns:
        The constant, and what each code adds, (codes,).
    """
    mean = popularity.mean()
    relative = popularity / mean
    dispersion = np.square(relative - 1.0).mean()
    ridge = dispersion / (len(popularity) * PRIOR_VARIANCE)
    model = TweedieRegressor(power=POWER, link="log", alpha=ridge, max_iter=STEPS)
    shape, ends = (len(popularity), codes), np.arange(rows.size + 1, step=len(rows))
    model.fit(sparse.csr_array((np.ones(rows.size), rows.T.ravel(), ends), shape=shape), relative)
    return float(np.log(mean) + model.intercept_), model.coef_
