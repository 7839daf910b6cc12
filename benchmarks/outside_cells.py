"""The cells of the study of scores outside: what each trains with, how one is trained, and what it is judged by."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

import braintumor_tf as bt
from braintumor_tf.datasets import to_binary
from braintumor_tf.datasets.labels import BINARY_CLASSES
from braintumor_tf.errors import SplitError
from braintumor_tf.evaluation.prediction.predict import load_run_model, predict_manifest
from braintumor_tf.explanation import find_masks, localise_images, summarise_localisation
from braintumor_tf.files import write_json
from braintumor_tf.identity import load
from braintumor_tf.leakage import drop_copies, group, merge, split
from braintumor_tf.runs import Run
from braintumor_tf.training import PRESETS

PLAIN, ALL = "plain", "lesion_aware"
REMEDIES: Mapping[str, Mapping[str, Any]] = {
    "counterfactuals": {"counterfactuals": 1},
    "grey_curves": {"grey_curves": 0.5},
    "scanner": {"bias_fields": 0.3, "blur": 1.0},
    "box_loss": {"box_loss": 0.2},
    "balance": {"balance": "origin_class"},
    "group_dro": {"group_dro": 0.01},
}
"""Each remedy alone: settings of `braintumor_tf.training.Preset`."""

CONDITIONS = (PLAIN, *REMEDIES, ALL)
SCORES = ("roc_auc", "balanced_accuracy", "tumour_specificity")


@dataclass(frozen=True)
class Cell:
    """One way to train, with one seed."""

    condition: str
    seed: int

    @property
    def name(self) -> str:
        """The name of its directory."""
        return f"{self.condition}_{self.seed}"


@dataclass(frozen=True)
class Setting:
    """What all cells share; `out` is the study's directory."""

    folders: tuple[str, ...]
    model: str
    weights: str
    image_size: int | None
    preset: str | None
    epochs: int | None
    origins: bool
    explained: int
    out: Path

    def to_dict(self) -> dict[str, Any]:
        """Returns what stands in ``setting.json``: everything but the place."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()
                if key != "out"}  # fmt: skip

    def path_of(self, cell: Cell) -> Path:
        """A cell's directory: ``run``, ``origins``, ``selection.json`` and ``final.json``."""
        return self.out / "cells" / cell.name


def settings_of(condition: str) -> dict[str, Any]:
    """Returns the training settings of a condition: a name of `CONDITIONS`, or several remedies joined by ``+``.

    Raises:
        KeyError: a part is no remedy.
    """
    if condition == PLAIN:
        return {}
    if condition == ALL:
        preset = PRESETS[ALL]
        names = ("counterfactuals", "controls", "grey_curves", "bias_fields", "blur", "box_loss")
        return {name: getattr(preset, name) for name in names}
    return {name: value for part in condition.split("+") for name, value in REMEDIES[part].items()}


def read(folder: str) -> pd.DataFrame:
    """Returns the images of a folder or a CSV: tumour or not, linked to published pictures."""
    return to_binary(load(folder, show_progress=False).manifest)


def training_manifest(folders: Sequence[str]) -> pd.DataFrame:
    """Returns the images to train on: copies dropped, grouped by look and patient, divided by group."""
    scans = [load(folder, show_progress=False) for folder in folders]
    joint = to_binary(scans[0].manifest) if len(scans) == 1 else merge(*scans, names=folders, binary=True).manifest
    return split(drop_copies(group(joint, show_progress=False), show_progress=False), "grouped", seed=0)


def outside_manifest(manifest: pd.DataFrame, folder: str) -> pd.DataFrame:
    """Returns an outside set beside the images of training: without copies, and without what both sets share."""
    outside = read(folder)
    outside = drop_copies(group(outside, show_progress=False), show_progress=False)
    inside = manifest[manifest["split"].isin(["train", "validation"])]
    return split(inside, "external", seed=0, external=outside)


def train(cell: Cell, manifest: pd.DataFrame, setting: Setting) -> Run:
    """Trains a cell, or goes on where it was interrupted."""
    return bt.run_experiment(manifest, out=setting.path_of(cell) / "run", **_how(cell, setting))


def _how(cell: Cell, setting: Setting) -> dict[str, Any]:
    how = {name: getattr(setting, name) for name in ("model", "weights", "image_size", "preset", "epochs")}
    how |= {"baselines": False, "seed": cell.seed, "resamples": 200, "resume": True, "show_progress": False}
    return (
        how | {"config": {"dataset": ", ".join(setting.folders), "protocol": "grouped"}} | settings_of(cell.condition)
    )


def selection(cell: Cell, manifest: pd.DataFrame, setting: Setting) -> dict[str, Any]:
    """Returns what a cell is judged by before anything outside is looked at, or reads it where it was found before.

    Validation by patient, origins left out one at a time, the source probe, and maps against the lesions of the
    validation images.
    """
    path = setting.path_of(cell) / "selection.json"
    if path.is_file():
        return json.loads(path.read_text(encoding="utf-8"))
    run = train(cell, manifest, setting)
    found = {"validation": scored(run.predictions, run.manifest, "validation")}
    found["origins"] = _origins(cell, manifest, setting) if setting.origins else None
    features = (run.metrics.get("source_probe") or {}).get("features") or {}
    found["probe"] = features.get("within_classes") or features.get("overall")
    found["lesions"] = lesion_scores(run, run.manifest[run.manifest["split"] == "validation"], setting.explained)
    found["pairs"] = run.metrics["training"].get("counterfactuals")
    write_json(path, found)
    return found


def _origins(cell: Cell, manifest: pd.DataFrame, setting: Setting) -> dict[str, Any] | None:
    """Returns the scores with one origin left out at a time; None where no origin can be left out."""
    try:
        run = bt.run_origins(manifest, out=setting.path_of(cell) / "origins", **_how(cell, setting))
    except SplitError:
        return None
    return scored(run.predictions, run.manifest, "test")


def final(cell: Cell, outside: Mapping[str, pd.DataFrame], setting: Setting) -> dict[str, Any]:
    """Returns the scores of a trained cell on the outside sets, or reads them where they were found before."""
    path = setting.path_of(cell) / "final.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    run = Run.of(setting.path_of(cell) / "run")
    for name, manifest in outside.items():
        if name not in found:
            predictions = predict_manifest(load_run_model(run), manifest, splits=("test",), show_progress=False)
            rows = manifest[manifest["split"] == "test"]
            lesions = lesion_scores(run, rows, setting.explained)
            found[name] = {**scored(predictions, manifest, "test"), "lesions": lesions}
            write_json(path, found)
    return found


def scored(predictions: pd.DataFrame, manifest: pd.DataFrame, part: str) -> dict[str, Any]:
    """Returns the scores of one split, with intervals over groups; the AUC is None where it has one class alone."""
    found = bt.score_predictions(predictions, manifest, BINARY_CLASSES, split=part, resamples=500).to_dict()
    return {"images": found["images"], "groups": found["groups"], **{name: found[name] for name in SCORES}}


def lesion_scores(run: Run, rows: pd.DataFrame, images: int) -> dict[str, Any] | None:
    """Returns how much of Grad-CAM lies in the lesions, and how often its peak does; None where no lesion is known."""
    known = rows[find_masks(rows).notna()]
    if known.empty or not images:
        return None
    known = known.sample(min(images, len(known)), random_state=0).sort_index()
    table = localise_images(load_run_model(run), known, methods=["grad_cam"], show_progress=False)
    row = next(row for row in summarise_localisation(table, resamples=200).to_records() if row["method"] == "grad_cam")
    return {name: row[name] for name in ("images", "groups", "energy", "pointing", "area_share")}
