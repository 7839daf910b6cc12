"""Finished runs scored once more: on their own test images or on another data set, alone or as one ensemble."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from braintumor_tf.datasets.content_check import SPLITS, check_contents
from braintumor_tf.datasets.labels import BINARY_CLASSES, to_binary
from braintumor_tf.datasets.manifest import COLUMNS
from braintumor_tf.errors import EvaluationError
from braintumor_tf.evaluation.prediction.ensemble_weights import combine
from braintumor_tf.evaluation.prediction.fold_predictions import has_folds, predict_folds
from braintumor_tf.evaluation.prediction.predict import predict_manifest
from braintumor_tf.evaluation.prediction.test_time_views import views_of
from braintumor_tf.evaluation.scores.evaluation_table import score_predictions
from braintumor_tf.evaluation.scores.unknown_training import of_unknown_training
from braintumor_tf.experiments.ensemble import VALIDATION, common_manifest, member_predictions, open_members, weigh
from braintumor_tf.experiments.folds import baselines_of_folds
from braintumor_tf.leakage.baseline_models import predict_baselines
from braintumor_tf.leakage.groups import group
from braintumor_tf.leakage.splits import join_external
from braintumor_tf.runs import Run, is_imported


@dataclass(frozen=True)
class Evaluation:
    """A run's model, or the ensemble of several, scored once more.

    Attributes:
        metrics: the scores as ``metrics.json`` holds them.
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

    def to_dict(self) -> dict[str, Any]:
        """Returns ``views`` and the scores, as the command ``evaluate`` prints them."""
        return {"views": self.views, **self.metrics}


def evaluate_run(
    run: Run | str | Path,
    external: pd.DataFrame | None = None,
    *,
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
        baselines: whether to score the shortcut baselines on the same images.
        show_progress: whether to show bars.
        views: how many views of each image are predicted, as for `predict_manifest`.

    Raises:
        EvaluationError: the data set has other classes than the run, nothing of it is left to score, or there are not
            that many views.
        ImageReadError: an image is missing, or its content is not that of the manifest.
        ModelError: the model is not the run's own (`load_run_model`).
        RunError: there is no such run, it is not finished, or it has no model.

    Example:
        >>> other = bt.load("data/navoneel").manifest  # doctest: +SKIP
        >>> evaluate_run("models/cnn", other).metrics["macro_f1"]  # doctest: +SKIP
        {'value': 0.81, 'low': 0.76, 'high': 0.86}
    """
    run = Run.of(run)
    run.refuse_unfinished()
    config = run.config
    manifest = pd.DataFrame(columns=list(COLUMNS)) if external is not None and is_imported(config) else run.manifest
    used = views_of(config) if views is None else views
    if has_folds(config) and external is None:
        check_contents(manifest, show_progress=show_progress)
        predictions = predict_folds(run, views=views, show_progress=show_progress)
        fitted = baselines_of_folds(run) if baselines else None
        return Evaluation(_scores(predictions, manifest, config, fitted), predictions, manifest, views=used)
    if has_folds(config):
        manifest = manifest.assign(split="train")  # every image has trained all folds but one
    if external is not None:
        manifest = score_beside(manifest, external, config["classes"], show_progress=show_progress)
    baselines = baselines and bool((manifest["split"] == "train").any())  # an imported model has no such images
    check_contents(manifest, splits=SPLITS if baselines else ["test"], show_progress=show_progress)
    predictions = predict_manifest(run, manifest, splits=("test",), show_progress=show_progress, views=views)
    fitted = predict_baselines(manifest, config["classes"], seed=config["seed"]) if baselines else None
    return Evaluation(_scores(predictions, manifest, config, fitted), predictions, manifest, views=used)


def evaluate_runs(
    runs: Sequence[Run | str | Path],
    external: pd.DataFrame | None = None,
    *,
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
        views: as for `predict_manifest`; with more than one, the validation images are predicted with them too.

    Raises:
        EvaluationError: as for `run_ensemble` and `evaluate_run`.
        RunError: a run is missing, not finished, or an ensemble or a k-fold run itself.

    Example:
        >>> evaluate_runs(["models/cnn_0", "models/cnn_1"], views=4).weights  # doctest: +SKIP
        (0.55, 0.45)
    """
    how = {"show_progress": show_progress, "views": views}
    if len(runs) == 1:
        return evaluate_run(runs[0], external, baselines=baselines, **how)
    runs = open_members(runs, weights)
    config, manifest = runs[0].config, common_manifest(runs)
    views = how["views"] = 1 if views is None else views
    weighed = member_predictions(
        runs, views=views if weights == VALIDATION else 1, splits=("validation",), show_progress=show_progress
    )
    shares = weigh(weighed, weights)
    if external is not None:
        manifest = score_beside(manifest, external, config["classes"], show_progress=show_progress)
    check_contents(manifest, splits=SPLITS if baselines else ["test"], show_progress=show_progress)
    asked = [run.manifest if external is None else manifest for run in runs]
    tables = [predict_manifest(run, rows, splits=("test",), **how) for run, rows in zip(runs, asked)]
    predictions = combine(tables, weights=shares)
    fitted = predict_baselines(manifest, config["classes"], seed=config["seed"]) if baselines else None
    return Evaluation(
        _scores(predictions, manifest, config, fitted), predictions, manifest, tuple(shares.tolist()), views
    )


def _scores(
    predictions: pd.DataFrame,
    manifest: pd.DataFrame,
    config: Mapping[str, Any],
    baselines: Mapping[str, pd.DataFrame] | None,
) -> dict[str, Any]:
    how = {"baselines": baselines, "seed": config["seed"], "resamples": config["resamples"]}
    found = score_predictions(predictions, manifest, config["classes"], **how).to_dict()
    return of_unknown_training(found) if is_imported(config) else found


def score_beside(
    manifest: pd.DataFrame | None, external: pd.DataFrame, classes: Sequence[str], *, show_progress: bool = True
) -> pd.DataFrame:
    """Puts another data set as test images beside what a model was trained and chosen on, overlaps set apart.

    Args:
        manifest: the images of the model's run; None or empty where they are not known.
        external: the manifest of the other data set; tumour types become ``tumor`` for a model that tells only tumour
            or not.
        classes: of the model.
        show_progress: whether to show a bar.

    Returns:
        The training and validation images and those of the other data set, grouped, as `join_external` does.

    Raises:
        EvaluationError: the data set has a class that the model lacks, or nothing of it is left to score.
    """
    if set(classes) == set(BINARY_CLASSES):
        external = to_binary(external)
    strange = sorted(set(external["label"]) - set(classes))
    if strange:
        raise EvaluationError(
            f"the data set has the class {strange[0]}, which the run's {', '.join(classes)} lack; "
            "leave it out, or train a run on the same classes"
        )
    if manifest is None or manifest.empty:
        return group(external.assign(split="test"), show_progress=show_progress)
    seen = manifest[manifest["split"].isin(["train", "validation"])]
    joint = join_external(seen, external, show_progress=show_progress)
    if not (joint["split"] == "test").any():
        raise EvaluationError(
            "every image of the data set has a near-duplicate or its patient in training; nothing is left to score"
        )
    return joint
