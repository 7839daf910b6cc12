"""A small made-up run with real files: images, manifest, predictions, metrics, history."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from braintumor_tf import predictions_table
from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.evaluation import score_predictions
from braintumor_tf.files import write_csv, write_json


def score(value: float, margin: float = 0.04) -> dict[str, float]:
    return {"value": value, "low": max(0.0, value - margin), "high": min(1.0, value + margin)}


def three_digits(value: float) -> str:
    """A score as text; what is not exactly 1 or 0 never looks so."""
    if 0.9995 <= value < 1:
        return "0.999"
    return "0.001" if 0 < value < 0.0005 else f"{value:.3f}"


def make_manifest(folder: Path, classes: tuple[str, ...] = CLASSES, images: int = 18, seed: int = 0) -> pd.DataFrame:
    """Writes `images` small pictures of each class and returns their manifest; every group has one image."""
    generator = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for place, label in enumerate(classes):
        for number in range(images):
            path = folder / f"{place}_{number}.png"
            height, width = (int(side) for side in generator.integers(20, 40, 2))
            Image.fromarray(generator.integers(0, 256, (height, width), dtype=np.uint8)).save(path)
            split = ("train", "validation", "test")[number % 3]
            rows.append((str(path), label, split, "made", width, height, f"m{place}{number}", "", "a5" * 8))
    columns = ["path", "label", "split", "source", "width", "height", "md5", "pixel_hash", "phash"]
    manifest = pd.DataFrame(rows, columns=columns)
    return manifest.assign(group=[f"g{row}" for row in range(len(manifest))])


def make_predictions(manifest: pd.DataFrame, classes: tuple[str, ...] = CLASSES, strength: float = 2.0) -> pd.DataFrame:
    """Predicts the test images of a manifest, the better the larger `strength`."""
    generator = np.random.default_rng(1)
    test = manifest[manifest["split"] == "test"].reset_index(drop=True)
    logits = generator.normal(size=(len(test), len(classes)))
    logits[np.arange(len(test)), [classes.index(label) for label in test["label"]]] += strength
    return predictions_table.make_predictions(test, classes, np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))


def make_metrics(
    predictions: pd.DataFrame, manifest: pd.DataFrame, classes: tuple[str, ...] = CLASSES
) -> dict[str, Any]:
    """Scores predictions; the scores of the baselines are made up."""
    metrics = score_predictions(predictions, manifest, classes, resamples=20).to_dict()
    return {
        **metrics,
        "baselines": {
            "metadata": {**score(0.31), "macro_f1": score(0.29)},
            "nearest_neighbour": {**score(0.41), "macro_f1": score(0.37)},
        },
    }


def make_run(folder: Path, manifest: pd.DataFrame, classes: tuple[str, ...] = CLASSES, **settings: Any) -> Path:
    """Writes the files of a finished run and returns its directory."""
    predictions = make_predictions(manifest, classes)
    config = {"model": "scratch_cnn", "dataset": "made", "protocol": "grouped", "seed": 0, **settings}
    write_json(folder / "config.json", {**config, "environment": {"packages": {"keras": "3.15.1"}}})
    write_csv(folder / "manifest.csv", manifest)
    write_csv(folder / "predictions.csv", predictions)
    write_json(folder / "metrics.json", make_metrics(predictions, manifest, classes))
    write_csv(folder / "history.csv", make_history())
    return folder


def make_history(epochs: int = 6) -> pd.DataFrame:
    steps = np.arange(1, epochs + 1)
    return pd.DataFrame(
        {
            "epoch": steps,
            "loss": 1 / steps,
            "accuracy": 1 - 0.5 / steps,
            "val_loss": 1.2 / steps + 0.05 * steps,
            "val_accuracy": 0.9 - 0.4 / steps,
        }
    )


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return make_manifest(tmp_path_factory.mktemp("images"))


@pytest.fixture
def predictions(manifest: pd.DataFrame) -> pd.DataFrame:
    return make_predictions(manifest)


@pytest.fixture
def metrics(predictions: pd.DataFrame, manifest: pd.DataFrame) -> dict[str, Any]:
    return make_metrics(predictions, manifest)
