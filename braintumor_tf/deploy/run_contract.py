"""The contract of a run: what is known of its model before anything is measured."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from braintumor_tf._version import __version__
from braintumor_tf.errors import EvaluationError, ExportError
from braintumor_tf.evaluation.calibration.abstention import answering
from braintumor_tf.evaluation.comparison.cost import parameters_in
from braintumor_tf.evaluation.gate import read_gate
from braintumor_tf.evaluation.prediction.ensemble_file import members_of, model_file
from braintumor_tf.models.exported.contract import FORMATS, Contract, ExportedFile
from braintumor_tf.models.registry import MODELS
from braintumor_tf.runs import IMPORTED, Run
from braintumor_tf.types import Predictor, Score

_INSIDE = "crop, size and channels come before the graph, all else is inside"


def source_file(run: Run) -> Path:
    """Returns the Keras model of a run that can be exported.

    Raises:
        ExportError: the run is an ensemble or a k-fold run, a scikit-learn pipeline, or exported already; the text says
            what to do instead.
        ModelError: the model is not the run's own.
        RunError: the run is not finished, or it has no model.
    """
    run.refuse_unfinished()
    if members := members_of(run):
        raise ExportError(
            f"{run.path}: is made of {len(members)} models; export them one by one, as {members[0][0].path}"
        )
    path = model_file(run)
    if path.suffix == ".skops":
        raise ExportError(
            f"{run.path}: is a pipeline of scikit-learn, which predict runs without TensorFlow; copy the run's "
            "folder instead"
        )
    if path.name in FORMATS.values():
        raise ExportError(f"{run.path}: is exported already; export the run that it was made of")
    return path


def contract_of(run: Run, predictor: Predictor, *, format: str, int8: bool) -> Contract:
    """Returns the contract of a run's model, without files, scores and parity.

    Args:
        run: the run.
        predictor: its model.
        format: a key of `FORMATS`.
        int8: whether it is exported as 8-bit integers.
    """
    config, path, gate = run.config, model_file(run), read_gate(run)
    return Contract(
        format=format,
        int8=int8,
        run=run.name,
        model=str(config.get("model", "")),
        classes=tuple(predictor.classes),
        image_size=tuple(predictor.image_size),
        channels=predictor.channels,
        crop=predictor.crop,
        preprocessing=_preprocessing(config),
        parameters=parameters_in(path),
        features=gate is not None and "features" in gate.parts,
        gate=gate is not None,
        source={path.name: ExportedFile.of(path)},
        made_by=f"braintumor_tf {__version__}",
    )


def scored(run: Run) -> dict[str, Any]:
    """Returns the fields of a contract that the scores and the calibration of a run make."""
    scores = {
        name: Score.from_dict(found)
        for name, found in run.metrics.items()
        if isinstance(found, dict) and set(found) == {"value", "low", "high"}
    }
    try:
        ways = answering(run)
    except EvaluationError:  # no validation images: the run cannot say "unknown"
        return {"scores": scores}
    thresholds = {name: threshold.least_probability for name, threshold in ways.thresholds.items()}
    return {
        "scores": scores,
        "temperature": ways.temperature,
        "coverage": ways.coverage,
        "thresholds": thresholds,
    }


def _preprocessing(config: Mapping[str, Any]) -> str:
    if config.get(IMPORTED):
        return f"{_INSIDE}: {config[IMPORTED]['preprocess']}"
    spec = MODELS.get(str(config.get("model")))
    return f"{_INSIDE}: {spec.preprocessing}" if spec else _INSIDE
