"""What is asked of a finished run later: its scores once more, those on another data set, the class of an image."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from braintumor_tf.datasets.labels import BINARY_CLASSES, to_binary
from braintumor_tf.datasets.reading import read_image
from braintumor_tf.errors import ImageReadError
from braintumor_tf.evaluation.predictions import EvaluationError, load_run_model, predict
from braintumor_tf.evaluation.scoring import evaluate
from braintumor_tf.leakage import OVERLAP, group
from braintumor_tf.leakage.baselines import baselines as dumb_baselines
from braintumor_tf.progress import progress
from braintumor_tf.runs import Run


@dataclass(frozen=True)
class Evaluation:
    """A run's model scored once more.

    Attributes:
        metrics: as `evaluate` returns them.
        predictions: the predictions that were scored.
        manifest: the run's images, or its training and validation images and those of the other data set.
    """

    metrics: dict[str, Any]
    predictions: pd.DataFrame
    manifest: pd.DataFrame


def evaluate_run(
    run: Run | str | Path, external: pd.DataFrame | None = None, baselines: bool = True, show_progress: bool = True
) -> Evaluation:
    """Predicts and scores with the model of a run, on its own test images or on another data set; nothing is written.

    Args:
        run: the run, or its directory.
        external: the manifest of another data set; None for the run's own test images. Images with a near-duplicate
            among the training or validation images become ``overlap`` and are not scored. Tumour types become ``tumor``
            where the run tells only tumour or not.
        baselines: whether to score the dumb baselines on the same images.
        show_progress: whether to show bars.

    Raises:
        EvaluationError: the data set has other classes than the run, or nothing of it is left to score.
        RunError: there is no such run, or it has no model.

    Example:
        >>> evaluate_run("models/cnn", datasets.load("data/navoneel").manifest).metrics["macro_f1"]
        {'value': 0.81, 'low': 0.76, 'high': 0.86}
    """
    run = run if isinstance(run, Run) else Run.open(run)
    config, manifest = run.config, run.manifest
    classes = tuple(config["classes"])
    if external is not None:
        manifest = _beside(manifest, _same_classes(external, classes), show_progress)
    predictions = predict(load_run_model(run), manifest, splits=("test",), show_progress=show_progress)
    beside = dumb_baselines(manifest, classes, config["seed"]) if baselines else None
    metrics = evaluate(predictions, manifest, classes, beside, config["seed"], config["resamples"])
    return Evaluation(metrics, predictions, manifest)


def predict_files(
    run: Run | str | Path, paths: Iterable[str | Path], batch_size: int = 64, show_progress: bool = True
) -> tuple[pd.DataFrame, list[ImageReadError]]:
    """Predicts single image files.

    Args:
        run: the run whose model is asked, or its directory.
        paths: image files.
        batch_size: images that are read and predicted at once.
        show_progress: whether to show a bar.

    Returns:
        One row a readable image in the order given: path, predicted, and ``p_<class>`` for each class; and an error for
        each unreadable one.

    Raises:
        RunError: there is no such run, or it has no model.
    """
    from braintumor_tf.models.network import as_predictor  # imports Keras

    predictor = as_predictor(load_run_model(run if isinstance(run, Run) else Run.open(run)))
    paths = [str(path) for path in paths]
    starts = range(0, len(paths), batch_size)
    tables, errors = [], []
    for start in progress(starts, "Predicting", len(starts), show_progress):
        readable, images = [], []
        for path in paths[start : start + batch_size]:
            try:
                image = read_image(path, grey=predictor.channels == 1, size=predictor.image_size)
            except ImageReadError as error:
                errors.append(error)
                continue
            readable.append(path)
            images.append(image.reshape(*predictor.image_size, predictor.channels))
        if images:
            tables.append(_table(readable, predictor.classes, predictor.predict_images(np.stack(images), batch_size)))
    return pd.concat(tables or [_table([], predictor.classes, np.empty((0, len(predictor.classes))))]), errors


def _table(paths: Sequence[str], classes: Sequence[str], probabilities: np.ndarray) -> pd.DataFrame:
    columns = {f"p_{name}": probabilities[:, place].astype(float) for place, name in enumerate(classes)}
    predicted = [classes[place] for place in probabilities.argmax(axis=1)]
    return pd.DataFrame({"path": list(paths), "predicted": predicted, **columns})


def _same_classes(external: pd.DataFrame, classes: tuple[str, ...]) -> pd.DataFrame:
    if set(classes) == set(BINARY_CLASSES):
        external = to_binary(external)
    strange = sorted(set(external["label"]) - set(classes))
    if strange:
        raise EvaluationError(
            f"the data set has the class {strange[0]}, which the run's {', '.join(classes)} lack; "
            "leave it out, or train a run on the same classes"
        )
    return external


def _beside(manifest: pd.DataFrame, external: pd.DataFrame, show_progress: bool) -> pd.DataFrame:
    """Puts the other data set as test images beside what the model was trained and chosen on, overlaps set apart."""
    seen = manifest[manifest["split"].isin(["train", "validation"])]
    joint = pd.concat([seen, external.assign(split="test")], ignore_index=True)
    joint = group(joint, show_progress=show_progress)
    outside = joint["split"] == "test"
    overlap = outside & joint["group"].isin(joint.loc[~outside, "group"])
    if (overlap == outside).all():
        raise EvaluationError("every image of the data set has a near-duplicate in training; nothing is left to score")
    return joint.assign(split=joint["split"].mask(overlap, OVERLAP))
