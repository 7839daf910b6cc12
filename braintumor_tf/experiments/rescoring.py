"""What is asked of finished runs later: their scores once more, those on another data set, the class of an image."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from braintumor_tf.datasets.labels import BINARY_CLASSES, to_binary
from braintumor_tf.errors import EvaluationError, ImageReadError
from braintumor_tf.evaluation.calibration.abstention import answering
from braintumor_tf.evaluation.prediction.ensemble_model import Ensemble, has_folds
from braintumor_tf.evaluation.prediction.ensemble_weights import combine
from braintumor_tf.evaluation.prediction.predict import open_predictor, predict_manifest
from braintumor_tf.evaluation.prediction.test_time_views import views_of
from braintumor_tf.evaluation.scores.evaluation_table import score_predictions
from braintumor_tf.experiments.ensemble import VALIDATION, common_manifest, member_predictions, open_members, weigh
from braintumor_tf.experiments.folds import baselines_of_folds, predict_folds
from braintumor_tf.leakage import OVERLAP, group
from braintumor_tf.leakage.baseline_models import predict_baselines
from braintumor_tf.models.image_fitting import read_for
from braintumor_tf.progress import progress_bar
from braintumor_tf.runs import Run


@dataclass(frozen=True)
class Evaluation:
    """A run's model, or the ensemble of several, scored once more.

    Attributes:
        metrics: as `evaluate` returns them.
        predictions: the predictions that were scored.
        manifest: the run's images, or its training and validation images and those of the other data set.
        weights: of the runs in the order given.
        views: how many views of each image the predictions are the mean of.
    """

    metrics: dict[str, Any]
    predictions: pd.DataFrame
    manifest: pd.DataFrame
    weights: tuple[float, ...] = (1.0,)
    views: int = 1


def evaluate_run(
    run: Run | str | Path,
    external: pd.DataFrame | None = None,
    baselines: bool = True,
    show_progress: bool = True,
    views: int | None = None,
) -> Evaluation:
    """Predicts and scores with the model of a run, on its own test images or on another data set; nothing is written.

    Each image of a k-fold run is predicted by the model of the fold that had not seen it; another data set by the
    ensemble of all folds.

    Args:
        run: the run, or its directory.
        external: the manifest of another data set; None for the run's own test images. Images with a near-duplicate
            among the training or validation images become ``overlap`` and are not scored. Tumour types become ``tumor``
            where the run tells only tumour or not.
        baselines: whether to score the dumb baselines on the same images.
        show_progress: whether to show bars.
        views: how many views of each image are predicted, as for `predict`.

    Raises:
        EvaluationError: the data set has other classes than the run, nothing of it is left to score, or there are not
            that many views.
        RunError: there is no such run, or it has no model.

    Example:
        >>> evaluate_run("models/cnn", datasets.load("data/navoneel").manifest).metrics["macro_f1"]
        {'value': 0.81, 'low': 0.76, 'high': 0.86}
    """
    run = Run.of(run)
    config, manifest = run.config, run.manifest
    if has_folds(config) and external is None:
        predictions = predict_folds(run, views, show_progress)
        beside = baselines_of_folds(run) if baselines else None
    else:
        if has_folds(config):
            manifest = manifest.assign(split="train")  # every image has trained all folds but one
        if external is not None:
            manifest = _beside(manifest, _same_classes(external, config["classes"]), show_progress)
        predictions = predict_manifest(run, manifest, ("test",), show_progress=show_progress, views=views)
        beside = predict_baselines(manifest, config["classes"], seed=config["seed"]) if baselines else None
    metrics = score_predictions(predictions, manifest, config["classes"], beside, config["seed"], config["resamples"])
    return Evaluation(metrics, predictions, manifest, views=views_of(config) if views is None else views)


def evaluate_runs(
    runs: Sequence[Run | str | Path],
    external: pd.DataFrame | None = None,
    weights: str | Sequence[float] = VALIDATION,
    baselines: bool = True,
    show_progress: bool = True,
    views: int | None = None,
) -> Evaluation:
    """Predicts and scores with several runs as one ensemble; nothing is written (`run_ensemble` keeps one).

    Args:
        runs: finished runs on the same split, or their directories; a single one is scored as by `evaluate_run`.
        external: as for `evaluate_run`.
        weights: ``"validation"``, ``"equal"``, or one number for each run.
        baselines: as for `evaluate_run`.
        show_progress: whether to show bars.
        views: as for `predict`; with more than one, the validation images are predicted with them too.

    Raises:
        EvaluationError: as for `run_ensemble` and `evaluate_run`.
        RunError: a run is missing, not finished, or an ensemble or a k-fold run itself.

    Example:
        >>> evaluate_runs(["models/cnn_0", "models/cnn_1"], views=4).weights
        (0.55, 0.45)
    """
    if len(runs) == 1:
        return evaluate_run(runs[0], external, baselines, show_progress, views)
    runs = open_members(runs, weights)
    config, manifest = runs[0].config, common_manifest(runs)
    views = 1 if views is None else views
    weighed = member_predictions(runs, views if weights == VALIDATION else 1, show_progress, ("validation",))
    shares = weigh(weighed, weights)
    if external is not None:
        manifest = _beside(manifest, _same_classes(external, config["classes"]), show_progress)
    tables = [
        predict_manifest(
            run, run.manifest if external is None else manifest, ("test",), show_progress=show_progress, views=views
        )
        for run in runs
    ]
    predictions = combine(tables, shares)
    beside = predict_baselines(manifest, config["classes"], seed=config["seed"]) if baselines else None
    metrics = score_predictions(predictions, manifest, config["classes"], beside, config["seed"], config["resamples"])
    return Evaluation(metrics, predictions, manifest, tuple(float(share) for share in shares), views)


def predict_files(
    run: Run | str | Path,
    paths: Iterable[str | Path],
    batch_size: int = 64,
    show_progress: bool = True,
    views: int | None = None,
    abstain: bool = False,
    coverage: float | None = None,
) -> tuple[pd.DataFrame, list[ImageReadError]]:
    """Predicts single image files.

    Args:
        run: the run whose model is asked, or its directory; a k-fold run or an ensemble answers with all its members.
        paths: image files.
        batch_size: images that are read and predicted at once.
        show_progress: whether to show a bar.
        views: how many views of each image are predicted, as for `predict`.
        abstain: whether "I don't know" is an answer: adds the columns of `abstention.Answering.add_to`, ``answer``
            (a class, or ``"unknown"``), ``set`` and ``calibrated_<class>``.
        coverage: how often the set must hold the true class, for each class; None for what the run was calibrated for.
            Giving one asks for `abstain`.

    Returns:
        One row a readable image in the order given: path, predicted, and ``p_<class>`` for each class; and an error for
        each unreadable one.

    Raises:
        EvaluationError: there are not that many views, or the run cannot abstain: it has no validation predictions, or
            other views are asked for than it was calibrated on.
        RunError: there is no such run, or it has no model.

    Example:
        >>> table, errors = predict_files("models/cnn", ["slice_1.png"])
        >>> table["predicted"][0]
        'glioma'
    """
    paths = [str(path) for path in paths]
    if abstain or coverage is not None:
        run = Run.of(run)
        own = views_of(run.config)
        if views not in (None, own):
            raise EvaluationError(f"views={views}: this run is calibrated on views={own}; leave views out")
        ways = answering(run, coverage)  # before anything is predicted
        table, errors = predict_files(run, paths, batch_size, show_progress)
        return ways.add_to(table), errors
    predictor = open_predictor(run, views)
    if not isinstance(predictor, Ensemble):
        return _predict_paths(predictor, paths, batch_size, show_progress)
    found = [_predict_paths(member, paths, batch_size, show_progress) for member in predictor.members]
    return combine([table for table, _ in found], predictor.weights), found[0][1]


def _predict_paths(
    predictor: Any, paths: Sequence[str], batch_size: int, show_progress: bool
) -> tuple[pd.DataFrame, list[ImageReadError]]:
    starts = range(0, len(paths), batch_size)
    tables, errors = [], []
    for start in progress_bar(starts, "Predicting", total=len(starts), show=show_progress):
        readable, images = [], []
        for path in paths[start : start + batch_size]:
            try:
                image = read_for(predictor, path)
            except ImageReadError as error:
                errors.append(error)
                continue
            readable.append(path)
            images.append(image)
        if images:
            found = predictor.predict_images(np.stack(images), batch_size=batch_size)
            tables.append(_table(readable, predictor.classes, found))
    empty = _table([], predictor.classes, np.empty((0, len(predictor.classes))))
    return pd.concat(tables or [empty], ignore_index=True), errors


def _table(paths: Sequence[str], classes: Sequence[str], probabilities: np.ndarray) -> pd.DataFrame:
    columns = {f"p_{name}": probabilities[:, place].astype(float) for place, name in enumerate(classes)}
    predicted = [classes[place] for place in probabilities.argmax(axis=1)]
    return pd.DataFrame({"path": list(paths), "predicted": predicted, **columns})


def _same_classes(external: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
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
