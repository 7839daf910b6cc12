"""Cross-validation: a run for each fold, and one run over all, in which every image is scored once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from braintumor_tf.augment.noise.base import Noise
from braintumor_tf.evaluation.prediction.ensemble_file import keep_members
from braintumor_tf.evaluation.prediction.fold_predictions import folds_of, pool_predictions
from braintumor_tf.evaluation.scores.evaluation_table import score_predictions
from braintumor_tf.experiments.fold_pooling import fold_scores, pool_each
from braintumor_tf.experiments.settings import ExperimentSettings
from braintumor_tf.experiments.single import run_experiment
from braintumor_tf.leakage import group, split
from braintumor_tf.leakage.baseline_models import predict_baselines
from braintumor_tf.runs import BEGINNING, Run, undone_if_bare, writing_to
from braintumor_tf.training import Preset, TrainingError
from braintumor_tf.types import ModelConfig


def run_folds(
    manifest: pd.DataFrame,
    model: str | ModelConfig = "CNN",
    *,
    out: str | Path = "models/folds",
    folds: int = 5,
    preset: str | Path | Preset | None = None,
    noise: Noise | None = None,
    baselines: bool = True,
    seed: int = 0,
    resamples: int = 1000,
    config: Mapping[str, Any] | None = None,
    show_progress: bool = True,
    resume: bool = False,
    devices: str | Sequence[str] | None = None,
    **settings: Any,
) -> Run:
    """Trains one model for each of `folds` grouped folds, and scores every image by the one that had not seen it.

    Fold N is a run of its own in ``out/fold_N`` (`run_experiment`), with validation images cut out of the other folds.
    `out` is a run too: its ``predictions.csv`` holds the test predictions of all folds, each image once, with the
    further column `fold`, and its scores are computed from these like any other run's. So are those of its shortcut
    baselines: fitted in each fold on that fold's training images, and pooled. Groups are never divided, so no image
    has a near-duplicate in what its own model was trained on: that share is 0 by construction. In its manifest every
    image is ``test``.

    Intervals of the pooled scores come from resampled groups; they do not hold how much the models of two folds differ,
    which share most of their training images. That is in ``metrics["folds"]``: the scores of each fold, their mean and
    their standard deviation. Pooled ranking scores (``roc_auc``, ``average_precision``) compare probabilities of
    different models, and can lie below the mean over the folds.

    The model of the run, wherever one is asked for, is the ensemble of its folds with equal weights.

    Args:
        manifest: a manifest; what its column `split` says is not read.
        model: as for `run_experiment`.
        out: the run directory.
        folds: how many, 2 or more.
        preset: as for `run_experiment`.
        noise: as for `run_experiment`.
        baselines: whether to score the shortcut baselines.
        seed: of the folds, and of each training in them.
        resamples: of the intervals.
        config: what else to write into ``config.json`` of the run and of each fold.
        show_progress: whether to show bars.
        resume: whether to go on where an earlier call with the same arguments was interrupted: finished folds are kept,
            the one that was killed goes on from its last epoch.
        devices: as for `run_experiment`.
        settings: as for `run_experiment`.

    Returns:
        The finished run.

    Raises:
        SplitError: a class has fewer groups than there are folds.
        RunError: as for `run_experiment`.
        TrainingError: several processes were joined (`join_processes`).
        BrainTumorError: of the step that failed; the folds before it stay in the directory.

    Example:
        >>> run = run_folds(leakage.group(manifest), "CNN", out="models/cnn_folds", epochs=5)  # doctest: +SKIP
        >>> run.metrics["folds"]["mean"]["macro_f1"]  # doctest: +SKIP
        0.87
    """
    about = {**(config or {}), "protocol": "kfold", "folds": folds}
    same = {"noise": noise, "seed": seed, "resamples": resamples}
    made = ExperimentSettings.of(
        model, manifest["label"], preset=preset, settings=settings, baselines=bool(baselines), about=about, **same
    )
    manifest = group(manifest, show_progress=show_progress) if (manifest["group"] == "").any() else manifest
    parts = [split(manifest, "kfold", seed=seed, folds=folds, fold=fold) for fold in range(folds)]
    how = {"show_progress": show_progress, "resume": resume, "devices": devices}
    return train_parts(parts, manifest.assign(split="test"), made, out=out, **how)


def train_parts(
    parts: Sequence[pd.DataFrame],
    manifest: pd.DataFrame,
    made: ExperimentSettings,
    *,
    out: str | Path,
    own: Sequence[Mapping[str, Any]] | None = None,
    show_progress: bool = True,
    resume: bool = False,
    devices: str | Sequence[str] | None = None,
) -> Run:
    """Trains a model for each part of a cross-validation, and pools what each says of its test images into one run.

    Args:
        parts: a split manifest for each training; no image is in the test set of two.
        manifest: all images; ``test`` are those that a part tests.
        made: the settings of all of them; what it says `about` the experiment has ``folds``, the number of parts.
        out: the run directory; part N is the run ``out/fold_N``.
        own: what else stands in ``config.json`` of each part, beside its number ``fold``.
        show_progress: as for `run_folds`.
        resume: as for `run_folds`.
        devices: as for `run_folds`.

    Raises:
        RunError: as for `run_experiment`.
        TrainingError: several processes were joined (`join_processes`).
        BrainTumorError: of the step that failed.
    """
    refuse_processes("folds")
    with writing_to(out):
        begun = Run(out).begun
        run = (Run.resume if resume else Run.create)(out, made.to_dict(), manifest)
        if run.finished:
            return run
        how = {"show_progress": show_progress, "resume": resume, "devices": devices}
        with undone_if_bare(out, BEGINNING, wanted=not begun):
            _train_each(run, parts, made, own, **how)
    return run


def _train_each(
    run: Run,
    parts: Sequence[pd.DataFrame],
    made: ExperimentSettings,
    own: Sequence[Mapping[str, Any]] | None,
    **how: Any,
) -> None:
    """Trains each part, and writes what all of them say and score together."""
    seed, resamples = made.model.seed, made.resamples
    runs, fitted = [], []
    for fold, part in enumerate(parts):
        fitted.append(predict_baselines(part, made.model.classes, seed=seed) if made.baselines else {})
        runs.append(
            run_experiment(
                part,
                made.model,
                out=run.path / f"fold_{fold}",
                preset=made.preset,
                noise=made.noise,
                baselines=fitted[-1] or False,
                seed=seed,
                resamples=resamples,
                config={**made.about, "fold": fold, **(own[fold] if own else {})},
                **how,
            )
        )
    keep_members(run, runs)
    run.write_predictions(pool_predictions([one.predictions for one in runs], run.manifest))
    pooled = pool_each(fitted, run.manifest)
    drawn = {"baselines": pooled, "seed": seed, "resamples": resamples}
    metrics = score_predictions(run.predictions, run.manifest, made.model.classes, **drawn)
    run.write_metrics({**metrics.to_dict(), "folds": fold_scores(runs), "training": _training(runs)})


def refuse_processes(what: str) -> None:
    """Raises TrainingError where several processes were joined; `what` is trained by one."""
    from braintumor_tf.training.devices.devices import processes  # imports Keras

    if processes() > 1:
        raise TrainingError(
            f"{processes()} processes were joined; {what} are trained by one, on several devices if asked"
        )


def baselines_of_folds(run: Run) -> dict[str, pd.DataFrame]:
    """Fits the shortcut baselines in each fold of a k-fold run anew and returns their pooled test predictions."""
    config = run.config
    fitted = [predict_baselines(fold.manifest, config["classes"], seed=config["seed"]) for fold in folds_of(run)]
    return pool_each(fitted, run.manifest)


def _training(runs: Sequence[Run]) -> dict[str, Any]:
    """What training all folds took: seconds in all, and the mean of the images per second."""
    each = [run.metrics["training"] for run in runs]
    return {
        "seconds": round(sum(one["seconds"] for one in each), 2),
        "images_per_second": round(float(np.mean([one["images_per_second"] for one in each])), 2),
        "epochs": [one["epochs"] for one in each],
    }
