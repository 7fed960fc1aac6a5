"""Remarks: what each review says of which aspect, and whether it praises or criticises."""

import numpy as np
import pandas as pd

from core.opinions.aspects import mentions
from core.opinions.polarity import Reader, polarity
from core.opinions.sentences import Sentences, cut, full_texts
from core.schema.tables import ASPECT, END, POLARITY, PROBABILITY, REVIEW, SENTENCE, START

COLUMNS = (REVIEW, SENTENCE, START, END, ASPECT, POLARITY, PROBABILITY)


def read_remarks(reviews: pd.DataFrame, reader: Reader) -> pd.DataFrame:
    """All remarks of these reviews.

    Args:
        reviews: `title` and `text`, either may be absent; the index names the reviews.

    Returns:
        One row per sentence and aspect: `review` (index label), `sentence` (number within the review), `start`, `end`
        (characters of `full_texts`), `aspect`, `polarity` (1, 0 unclear, -1) and `probability` of praise. A remark
        depends on its own sentence alone, so reading some of the reviews again gives the same rows.
    """
    return remarks_of(cut(full_texts(reviews)), reader, reviews.index.to_numpy())


def remarks_of(sentences: Sentences, reader: Reader, names: np.ndarray) -> pd.DataFrame:
    """The same from reviews that are cut already; `names` (R,) are their index labels."""
    found = mentions(sentences)
    places = found[SENTENCE].to_numpy()
    probability = reader.probabilities(sentences)[places]
    return pd.DataFrame(
        {
            REVIEW: names[sentences.text[places]],
            SENTENCE: sentences.number[places],
            START: sentences.start[places],
            END: sentences.end[places],
            ASPECT: found[ASPECT],
            POLARITY: polarity(probability),
            PROBABILITY: probability.astype(np.float32),
        }
    )
