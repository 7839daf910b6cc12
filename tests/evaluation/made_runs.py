"""Finished runs that were never trained: made-up answers to made-up images, as good as a test wants them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.evaluation import score_predictions
from braintumor_tf.runs import Run


def made_manifest(
    test_groups: int = 30, of_each: int = 2, seen_groups: int = 12, classes: Sequence[str] = CLASSES, folder: str = "a"
) -> pd.DataFrame:
    """Returns a manifest of images that do not exist, in groups of `of_each`; no group has parts in two splits."""
    rows = []
    for split, groups in (("train", seen_groups), ("validation", seen_groups), ("test", test_groups)):
        for group in range(groups):
            label = classes[group % len(classes)]
            for copy in range(of_each):
                name = f"{split}_{group}_{copy}"
                rows.append(
                    (f"{folder}/{name}.png", label, split, "made", 8, 8, name, name, "a5" * 8, f"{split}{group}")
                )
    columns = ["path", "label", "split", "source", "width", "height", "md5", "pixel_hash", "phash", "group"]
    return pd.DataFrame(rows, columns=columns)


def answers(manifest: pd.DataFrame, strength: float, seed: int, classes: Sequence[str] = CLASSES) -> pd.DataFrame:
    """Returns predictions of the test images, the better the larger `strength`."""
    rows = manifest[manifest["split"] == "test"].reset_index(drop=True)
    logits = np.random.default_rng(seed).normal(size=(len(rows), len(classes)))
    logits[np.arange(len(rows)), [list(classes).index(label) for label in rows["label"]]] += strength
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    table = rows[["path", "label", "split", "group"]].assign(predicted=np.array(classes)[probabilities.argmax(axis=1)])
    return table.assign(**{f"p_{name}": probabilities[:, place] for place, name in enumerate(classes)})


def made_run(
    path: Path,
    manifest: pd.DataFrame,
    strength: float = 2.0,
    seed: int = 0,
    classes: Sequence[str] = CLASSES,
    baselines: Mapping[str, float] | None = None,
    **config: Any,
) -> Run:
    """Writes a finished run.

    Args:
        path: its directory.
        manifest: its images.
        strength: how good its answers are; 0 is guessing.
        seed: of the answers.
        classes: class names in order.
        baselines: for each shortcut baseline how good it is.
        config: further settings.
    """
    settings = {"model": "CNN", "protocol": "grouped", "classes": list(classes), "seed": seed, "resamples": 200}
    run = Run.create(path, {**settings, **config}, manifest)
    run.write_predictions(answers(manifest, strength, seed, classes))
    beside = {
        name: answers(manifest, good, 100 + place, classes)
        for place, (name, good) in enumerate((baselines or {}).items())
    }
    metrics = score_predictions(run.predictions, manifest, classes, baselines=beside, resamples=200).to_dict()
    run.write_metrics({**metrics, "training": {"seconds": 61.5, "epochs": 3}})
    return run
