"""The leak curve: what a score by likeness alone is worth once look-alikes are hidden from it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from braintumor_tf.datasets.manifest import thumbnails
from braintumor_tf.matching.fingerprints import normalised

LEAK_THRESHOLDS = (1.01, 0.995, 0.99, 0.98, 0.97, 0.95, 0.925, 0.9, 0.85, 0.8)
"""Similarities above which `leak_curve` hides training images; the first hides none."""


def leak_curve(
    manifest: pd.DataFrame, *, split: str = "test", thresholds: Sequence[float] = LEAK_THRESHOLDS
) -> pd.DataFrame:
    """Scores a nearest neighbour while training images more similar than a threshold are hidden from it.

    A curve that falls steeply says that the score rests on near-duplicates, not on what a tumour looks like.

    Args:
        manifest: with its splits.
        split: which images are scored.
        thresholds: correlations of 64x64 grey thumbnails.

    Returns:
        One row a threshold: ``threshold``, ``accuracy``, ``hidden_share`` (share of the images for which something was
        hidden), ``images`` (that had a neighbour left).

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from braintumor_tf.datasets import scan, write_synthetic
        >>> with TemporaryDirectory() as folder:
        ...     _ = write_synthetic(f"{folder}/set", patients_per_class=2, slices_per_patient=2, image_size=64)
        ...     curve = leak_curve(scan(f"{folder}/set").manifest, thresholds=(1.01, 0.9))
        >>> curve["hidden_share"].iloc[0].item()
        0.0
    """
    small = normalised(thumbnails(manifest))
    training = np.flatnonzero(manifest["split"] == "train")
    scored = np.flatnonzero(manifest["split"] == split)
    label = manifest["label"].to_numpy()
    right, hidden, left = (np.zeros(len(thresholds)) for _ in range(3))
    for start in range(0, len(scored), 256):
        chunk = scored[start : start + 256]
        alike = small[chunk] @ small[training].T
        for k, threshold in enumerate(thresholds):
            visible = np.where(alike < threshold, alike, -2)
            best = visible.argmax(axis=1)
            some = visible.max(axis=1) > -2
            right[k] += (some & (label[training][best] == label[chunk])).sum()
            hidden[k] += (visible == -2).any(axis=1).sum()
            left[k] += some.sum()
    accuracy = np.divide(right, left, out=np.full(len(left), np.nan), where=left > 0)
    share = hidden / max(len(scored), 1)
    return pd.DataFrame(
        {"threshold": thresholds, "accuracy": accuracy, "hidden_share": share, "images": left.astype(int)}
    )
