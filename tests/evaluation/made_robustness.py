"""What made-up models make of made-up images under noise."""

from __future__ import annotations

import numpy as np
import pandas as pd

from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.evaluation import Robustness
from braintumor_tf.evaluation.robustness.corruptions import choose_corruptions
from tests.evaluation.made_predictions import softmax, table

NOISES = ("gaussian", "rician")


def made(
    name: str, seed: int = 0, skill: float = 3.0, images: int = 80, noises=NOISES, severities=(1, 2)
) -> Robustness:
    """A model that knows less the more severe the noise is; the images are the same for every seed."""
    labels = np.random.default_rng(99).choice(4, images, p=[0.4, 0.3, 0.2, 0.1])
    labels[:4] = range(4)
    generator, parts = np.random.default_rng(seed), []
    corruptions = choose_corruptions(noises, severities=severities)
    for noise, severity in [("clean", 0), *((each.name, each.severity) for each in corruptions)]:
        logits = generator.normal(0, 1, (images, 4))
        logits[np.arange(images), labels] += skill / (1 + severity)
        parts.append(table(softmax(logits), labels, np.arange(images) // 2).assign(noise=noise, severity=severity))
    settings = {"seed": 0, "size": [224, 224], "resamples": 40, "noises": [each.record() for each in corruptions]}
    return Robustness(name, CLASSES, pd.concat(parts, ignore_index=True), settings)
