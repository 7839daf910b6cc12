"""From a run to a folder that predicts without Keras: the model, its contract, and what they were measured on."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from braintumor_tf.datasets.synthetic.folders import complete_or_nothing, holds_anything
from braintumor_tf.deploy.conversion import QUANTISED, check_packages, convert
from braintumor_tf.deploy.parity import TOLERANCE, measure_parity, refuse_other_answers
from braintumor_tf.deploy.readme import FILE as README
from braintumor_tf.deploy.readme import readme_text
from braintumor_tf.deploy.run_contract import contract_of, scored, source_file
from braintumor_tf.errors import ExportError
from braintumor_tf.evaluation.calibration.run_calibration import calibrate_where_possible
from braintumor_tf.evaluation.prediction.predict import load_run_model, predict_manifest
from braintumor_tf.experiments import evaluate_run
from braintumor_tf.files import write_json, write_text
from braintumor_tf.models.exported.contract import FILE, FORMATS, ONNX, Contract
from braintumor_tf.models.exported.exported_model import ExportedModel, load_exported
from braintumor_tf.models.factory import as_predictor
from braintumor_tf.models.image_fitting import read_for
from braintumor_tf.runs import Run
from braintumor_tf.runs.model_hash import keep_hash

if TYPE_CHECKING:
    from braintumor_tf.models.network import Network

ALLOWED_CHANGED = 0.01
"""The share of test images that 8-bit integers may answer otherwise, unless told."""

CALIBRATION_IMAGES = 200
"""Training images whose activations say how 8-bit integers are scaled, at most."""

_COPIED = ("manifest.csv", "history.csv", "metrics.json", "gate.npz")
_SAME_ANSWERS = ("calibration.json", "explanations.json")
"""What an export with the same answers takes over from its run."""


def export(
    run: Run | str | Path,
    *,
    out: str | Path,
    format: str = ONNX,
    int8: bool = False,
    allow_changed: float = ALLOWED_CHANGED,
    show_progress: bool = True,
) -> Contract:
    """Exports the model of a run, with its contract, to a folder that commands take as they take a run.

    The folder holds the model, ``contract.json``, the gate, a ``README.md`` and a ``MODEL_CARD.md``, and the run's
    settings, images and scores. Its ``predictions.csv`` is what the exported model says of the same images.
    An ONNX model is asked without TensorFlow or Keras.

    Parity is measured on the run's test images. An export in float32 must give each of them the class that the run
    gives, and probabilities within 0.0001. 8-bit integers are scaled by up to 200 training images, are scored and
    calibrated anew, and may change `allow_changed` of the classes. So may the export of a network that was trained in
    half precision; it computes in float32.

    Args:
        run: a finished run of a network, trained here or imported, or its directory.
        out: the folder to write; it must not hold anything.
        format: ``"onnx"``, ``"litert"``, ``"openvino"`` or ``"saved_model"``.
        int8: whether weights and activations become 8-bit integers; for ``"onnx"`` and ``"litert"``.
        allow_changed: the share of test images, 0 to 1, that may be answered otherwise by 8-bit integers, or than by a
            run in half precision.
        show_progress: whether to show bars.

    Returns:
        The contract that was written.

    Raises:
        ExportError: the run cannot be exported, the format is not known or has no 8-bit integers, the folder holds
            something, the conversion failed, or the answers differ. Nothing is left behind then.
        ImageReadError: a test image is missing or has changed.
        ModelError: a package of the format is not installed, or the model is not the run's own.
        RunError: the run is missing, not finished, or has no model.

    Example:
        >>> export("models/cnn", out="exported/cnn").parity.changed  # doctest: +SKIP
        0
    """
    run, out = Run.of(run), Path(out)
    check_request(run, out, format=format, int8=int8, allow_changed=allow_changed)
    check_packages(format)
    network = as_predictor(load_run_model(run))
    contract = contract_of(run, network, format=format, int8=int8)
    how = {"show_progress": show_progress}
    from braintumor_tf.deploy.serving_graph import computes_in_float32  # imports Keras

    with complete_or_nothing(out) as draft:
        path = _convert(run, network, contract, draft)
        contract = contract.with_files(draft)
        write_json(draft / FILE, contract.to_dict())
        exported = load_exported(path)
        splits = sorted(set(run.predictions["split"]))
        found = predict_manifest(exported, run.manifest, splits=splits, **how)
        tables = (predict_manifest(network, run.manifest, splits=("test",), **how), _tested(found))
        sizes = tuple(sum(file.bytes for file in files.values()) for files in (contract.source, contract.files))
        exact = not int8 and computes_in_float32(network.model)
        allowed = {"tolerance": TOLERANCE, "allowed_changed": 0.0} if exact else {"allowed_changed": allow_changed}
        parity = measure_parity((network, exported), tables, sizes, **allowed)
        refuse_other_answers(parity, out)
        kept = _keep(run, draft, exported, found, **how)
        contract = replace(contract, parity=parity, **scored(kept))
        write_json(draft / FILE, contract.to_dict())
        write_text(draft / README, readme_text(contract))
    from braintumor_tf.report import write_model_card

    write_model_card(out)  # under its own name, which the card holds
    return contract


def check_request(run: Run, out: Path, *, format: str, int8: bool, allow_changed: float) -> None:
    """Refuses what cannot be exported before Keras is imported.

    Raises:
        ExportError: as `export`.
        ModelError: as `export`.
        RunError: as `export`.
    """
    if format not in FORMATS:
        raise ExportError(f"format {format!r} is not known; choose one of {', '.join(FORMATS)}")
    if int8 and format not in QUANTISED:
        raise ExportError(f"{format} is not written as 8-bit integers here; choose {' or '.join(QUANTISED)}")
    if not 0 <= allow_changed <= 1:
        raise ExportError(f"allow_changed={allow_changed} is no share; give a number from 0 to 1, such as 0.01")
    if out.is_file() or holds_anything(out):
        raise ExportError(f"{out}: holds something already; give another folder, or remove it")
    source_file(run)
    if "test" not in set(run.manifest["split"]):
        raise ExportError(f"{run.path}: has no test images, on which the exported model is compared; train it anew")


def _convert(run: Run, network: Network, contract: Contract, draft: Path) -> Path:
    """Writes the exported model and its hash; returns the file that it is opened by."""
    from braintumor_tf.deploy.serving_graph import write_saved_model  # imports Keras

    calibration = _training_images(run, network) if contract.int8 else None
    with tempfile.TemporaryDirectory() as folder:
        graph = Path(folder) / "graph"
        write_saved_model(network, graph, features=contract.features)
        path = convert(graph, draft, contract.format, calibration=calibration)
    keep_hash(path)
    return path


def _training_images(run: Run, network: Network) -> np.ndarray:
    rows = run.manifest[run.manifest["split"] == "train"]
    if rows.empty:
        raise ExportError(f"{run.path}: has no training images to scale 8-bit integers by; export without --int8")
    if len(rows) > CALIBRATION_IMAGES:
        rows = rows.sample(CALIBRATION_IMAGES, random_state=0)
    return np.stack([read_for(network, path, md5=md5) for path, md5 in zip(rows["path"], rows["md5"])]).astype(
        "float32"
    )


def _tested(predictions: pd.DataFrame) -> pd.DataFrame:
    return predictions[predictions["split"] == "test"].reset_index(drop=True)


def _keep(run: Run, draft: Path, exported: ExportedModel, found: pd.DataFrame, *, show_progress: bool) -> Run:
    """Puts into the folder what commands ask of a run: its settings, images, scores and calibration."""
    int8 = exported.contract.int8
    about = {"format": exported.contract.format, "int8": int8}
    write_json(draft / "config.json", {**run.config, "exported": about})
    for name in (*_COPIED, *(() if int8 else _SAME_ANSWERS)):
        if (run.path / name).is_file():
            shutil.copyfile(run.path / name, draft / name)
    kept = Run(draft)
    kept.write_predictions(found)
    if int8:
        calibrate_where_possible(kept)
        before = run.metrics
        scores = evaluate_run(kept, baselines=bool(before.get("baselines")), show_progress=show_progress).metrics
        kept.write_metrics({**scores, "training": before.get("training")})
    return kept
