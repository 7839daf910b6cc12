"""The training images as the remedies want them: in counterfactual pairs, weighed, seen by other scanners."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from braintumor_tf.augment.counterfactual import CounterfactualPairs, make_pairs
from braintumor_tf.augment.noise import BiasField, GaussianBlur, GreyCurve, Noise, NoiseSequence, RandomNoise
from braintumor_tf.errors import BrainTumorWarning
from braintumor_tf.leakage.origins import origin_names
from braintumor_tf.training.presets import ORIGIN_CLASS, Preset

WEIGHT = "weight"
"""The column of the training images that says how much each counts in the loss; without it all count alike."""

SCANNER_PROBABILITY = 0.5
"""Share of the training images that get each of the scanner's changes: a grey curve, a bias field, a blur."""


@dataclass(frozen=True)
class TrainingImages:
    """What a training reads.

    Attributes:
        manifest: the rows ``train`` as the remedies want them, and the other rows as they were.
        pairs: how many counterfactual pictures of each kind there are, and what was left out; None without pairs.
    """

    manifest: pd.DataFrame
    pairs: dict[str, Any] | None = None


@contextmanager
def training_images(
    manifest: pd.DataFrame, preset: Preset, *, seed: int = 0, show_progress: bool = True
) -> Iterator[TrainingImages]:
    """Makes the training images that a preset asks for; what is written for them is removed at the end.

    Args:
        manifest: with splits.
        preset: its `counterfactuals`, `controls` and `balance` are read.
        seed: of what is drawn.
        show_progress: whether to show bars.

    Raises:
        DatasetError: pairs are asked for, and none can be made.

    Warns:
        BrainTumorWarning: training images are left out because no pair can be made of them.
    """
    with tempfile.TemporaryDirectory(prefix="braintumor_tf_pairs_") as folder:
        found = TrainingImages(manifest)
        if preset.counterfactuals:
            how = {"pairs": preset.counterfactuals, "controls": preset.controls, "seed": seed}
            made = make_pairs(manifest, folder, **how, show_progress=show_progress)
            _say_left_out(made)
            rest = manifest[manifest["split"] != "train"]
            found = TrainingImages(pd.concat([made.manifest, rest], ignore_index=True), made.to_dict())
        if preset.balance == ORIGIN_CLASS:
            found = TrainingImages(found.manifest.assign(**{WEIGHT: origin_class_weights(found.manifest)}), found.pairs)
        yield found


def _say_left_out(made: CounterfactualPairs) -> None:
    if len(made.left_out):
        counts = made.left_out["reason"].value_counts()
        reasons = "; ".join(f"{count:,}: {reason}" for reason, count in counts.items())
        images = len(made.left_out) + made.manifest["base"].nunique()
        text = f"{len(made.left_out):,} of {images:,} training images are in no counterfactual pair and left out"
        warnings.warn(f"{text} ({reasons})", BrainTumorWarning, stacklevel=4)


def origin_class_weights(manifest: pd.DataFrame) -> np.ndarray:
    """Returns a weight for each image such that all pairs of origin and class count alike in training, on average 1.

    A class that only one origin has stays confounded with it: weights cannot help there, counterfactual pairs can.

    Args:
        manifest: with splits, labels and, where they are known, origins.

    Returns:
        float64; 1 outside the split ``train``.

    Example:
        >>> rows = {"split": "train", "source": "a", "label": ["glioma", "glioma", "glioma", "no_tumor"]}
        >>> origin_class_weights(pd.DataFrame(rows)).round(3).tolist()
        [0.667, 0.667, 0.667, 2.0]
    """
    weights = np.ones(len(manifest))
    train = (manifest["split"] == "train").to_numpy()
    places = origin_classes(manifest[train])
    counts = places.value_counts()
    weights[train] = (train.sum() / (len(counts) * places.map(counts))).to_numpy()
    return weights


def origin_classes(rows: pd.DataFrame) -> pd.Series:
    """Returns the origin and the class of each image as one text.

    Example:
        >>> origin_classes(pd.DataFrame({"source": ["a"], "label": ["glioma"]})).tolist()
        ['unknown:a, glioma']
    """
    return origin_names(rows) + ", " + rows["label"].astype(str)


def scanner_noise(preset: Preset, noise: Noise | None) -> Noise | None:
    """Returns the noise of the training images: grey curves, bias fields and blur as a preset says, then `noise`.

    Each of them is drawn for `SCANNER_PROBABILITY` of the images.

    Args:
        preset: its `grey_curves`, `bias_fields` and `blur` are read; 0 leaves one out.
        noise: what else is added, or None.

    Example:
        >>> scanner_noise(Preset(), None) is None
        True
    """
    changes = ((GreyCurve, preset.grey_curves), (BiasField, preset.bias_fields), (GaussianBlur, preset.blur))
    parts = [RandomNoise([kind((0.0, most))], probability=SCANNER_PROBABILITY) for kind, most in changes if most]
    parts += [] if noise is None else [noise]
    return NoiseSequence(parts) if len(parts) > 1 else (parts[0] if parts else None)
