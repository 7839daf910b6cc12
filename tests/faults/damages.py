"""A finished run that was never trained, and what can happen to its files."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.evaluation import calibrate_run, score_predictions, score_robustness
from braintumor_tf.experiments.settings import ExperimentSettings
from braintumor_tf.files import write_csv
from braintumor_tf.models.pca import PCALogisticRegression
from braintumor_tf.predictions_table import make_predictions
from braintumor_tf.runs import Run
from braintumor_tf.runs.model_hash import keeping_hash
from braintumor_tf.training.callbacks import save_network
from tests.training.toy import small_cnn

SIDE = 32
SETTINGS = {"image_size": SIDE, "epochs": 1, "precision": "float32"}


def answers(manifest: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Returns made-up predictions of the validation and test images of a manifest."""
    rows = manifest[manifest["split"] != "train"].reset_index(drop=True)
    logits = np.random.default_rng(seed).normal(size=(len(rows), len(CLASSES)))
    logits[np.arange(len(rows)), [CLASSES.index(label) for label in rows["label"]]] += 1.5
    return make_predictions(rows, CLASSES, np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))


def start_run(path: Path, manifest: pd.DataFrame, model: str, seed: int, resume: bool = False) -> Run:
    """Starts a run as a training would, with settings that `train --resume` can go on with."""
    about = {"dataset": "toy", "protocol": "grouped", "split_seed": seed, "unreadable": []}
    made = ExperimentSettings.of(
        model, CLASSES, preset="smoke" if model == "CNN" else None, seed=seed, settings=SETTINGS, about=about,
        baselines=[], resamples=100,
    )  # fmt: skip
    return (Run.resume if resume else Run.create)(
        path, {**made.resolved().to_dict(), "weights_used": {"source": "random"}}, manifest
    )


def made_run(
    path: Path, manifest: pd.DataFrame, model: str = "CNN", seed: int = 0, noise: bool = False, resume: bool = False
) -> Run:
    """Writes a finished run of a network or of the pipeline, with every file that the commands read."""
    run = start_run(path, manifest, model, seed, resume)
    if run.finished:
        return run
    if model == "CNN":
        with keeping_hash(run.path / "model.keras") as path:
            save_network(small_cnn(seed), path)
    else:
        pixels = np.random.default_rng(seed).integers(0, 256, (12, SIDE, SIDE, 1), dtype=np.uint8)
        with keeping_hash(run.path / "model.skops") as path:
            PCALogisticRegression(CLASSES, (SIDE, SIDE)).fit(pixels, list(CLASSES) * 3).save(path)
    run.write_predictions(answers(manifest, seed))
    metrics = score_predictions(run.predictions, manifest, CLASSES, resamples=100).to_dict()
    run.write_history(pd.DataFrame({"epoch": [1, 2], "stage": "training", "loss": [1.2, 1.0], "val_loss": [1.3, 1.1]}))
    calibrate_run(run)
    run.write_metrics({**metrics, "training": {"seconds": 3.5, "images_per_second": 9.0, "epochs": 2}})
    if noise:
        score_robustness(run, noises=["gaussian"], severities=[1, 2], resamples=100, show_progress=False)
    return run


# === Damages ===

Damage = Callable[[Path], object]


def replaced(content: bytes) -> Damage:
    """Returns the damage that leaves these bytes alone in a file."""
    return lambda path: path.write_bytes(content)


def cut(path: Path) -> None:
    """Leaves the first half of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def with_value(place: str, value: object) -> Damage:
    """Returns the damage that sets one value of a JSON file, with the names on the way divided by dots."""

    def change(path: Path) -> None:
        found = json.loads(path.read_text())
        *way, last = place.split(".")
        inner = found
        for key in way:
            inner = inner[int(key)] if isinstance(inner, list) else inner[key]
        inner[last] = value
        path.write_text(json.dumps(found))

    return change


def without_value(place: str) -> Damage:
    """Returns the damage that removes one value of a JSON file."""

    def change(path: Path) -> None:
        found = json.loads(path.read_text())
        *way, last = place.split(".")
        inner = found
        for key in way:
            inner = inner[int(key)] if isinstance(inner, list) else inner[key]
        del inner[last]
        path.write_text(json.dumps(found))

    return change


def with_column(name: str, value: object) -> Damage:
    """Returns the damage that sets a column of a table."""
    return lambda path: write_csv(path, pd.read_csv(path).assign(**{name: value}))


def without_columns(*starts: str) -> Damage:
    """Returns the damage that removes the columns of a table that start so."""

    def change(path: Path) -> None:
        table = pd.read_csv(path)
        write_csv(path, table[[name for name in table.columns if not name.startswith(starts)]])

    return change


def without_rows(path: Path) -> None:
    """Leaves the head of a table."""
    write_csv(path, pd.read_csv(path).head(0))


def rewritten(path: Path, change: Callable[[str, bytes], bytes | None]) -> None:
    """Writes a zip file anew: `change` returns what a part of it holds then, or None for a part that goes."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            if (changed := change(name, content)) is not None:
                archive.writestr(name, changed)


def without_part(name: str) -> Damage:
    """Returns the damage that removes a file from a zip file."""
    return lambda path: rewritten(path, lambda part, content: None if part == name else content)


def renamed_in_skops(before: str, after: str) -> Damage:
    """Returns the damage that calls a part of a PCA model otherwise."""
    return lambda path: rewritten(path, lambda _, content: content.replace(before.encode(), after.encode()))


OF_JSON: Mapping[str, Damage] = {
    "empty": replaced(b""),
    "list": replaced(b"[]"),
    "null": replaced(b"null"),
    "deep": replaced(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "nested": replaced(b'{"a":' * 200 + b"1" + b"}" * 200),
    "not UTF-8": replaced(b'{"model": "\xff\xfe"}'),
    "cut": cut,
}
"""What can happen to every JSON file."""

OF_TABLE: Mapping[str, Damage] = {
    "empty": replaced(b""),
    "without rows": without_rows,
    "not UTF-8": replaced(b"path,label\n\xff\xfe,glioma\n"),
    "binary": replaced(bytes(range(256)) * 40),
}
"""What can happen to every table."""
