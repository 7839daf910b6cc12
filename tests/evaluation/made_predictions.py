"""Predictions tables with a known fault: how far the stated probabilities are from the shares that are right."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from braintumor_tf.datasets.labels import CLASSES


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def table(
    probabilities: np.ndarray,
    labels: Sequence[int],
    groups: Sequence[object] | None = None,
    split: str = "test",
    classes: Sequence[str] = CLASSES,
) -> pd.DataFrame:
    """Returns a predictions table of probabilities ``(images, classes)`` and class numbers."""
    names = np.array(classes, dtype=object)
    groups = range(len(probabilities)) if groups is None else groups
    frame = pd.DataFrame(
        {
            "path": [f"{split}_{place}.png" for place in range(len(probabilities))],
            "label": names[np.asarray(labels)],
            "split": split,
            "group": [f"{split}{group}" for group in groups],
            "predicted": names[np.asarray(probabilities).argmax(axis=1)],
        }
    )
    return frame.assign(**{f"p_{name}": np.asarray(probabilities)[:, place] for place, name in enumerate(classes)})


def drawn(
    images: int, seed: int = 0, temperature: float = 1.0, split: str = "test", classes: Sequence[str] = CLASSES
) -> pd.DataFrame:
    """Draws labels from known probabilities, and states these at another temperature: below 1 is too confident.

    Pairs of neighbouring images are a group.
    """
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 2, (images, len(classes)))
    labels = (softmax(logits).cumsum(axis=1) < generator.random((images, 1))).sum(axis=1)
    return table(softmax(logits / temperature), labels, np.arange(images) // 2, split, classes)
