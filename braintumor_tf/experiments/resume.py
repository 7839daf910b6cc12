"""Going on with an interrupted experiment, from what its own directory says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from braintumor_tf.errors import RunError
from braintumor_tf.evaluation.prediction.fold_predictions import has_folds
from braintumor_tf.experiments.folds import run_folds
from braintumor_tf.experiments.origins import run_origins
from braintumor_tf.experiments.settings import arguments_from, holds_functions
from braintumor_tf.experiments.single import run_experiment
from braintumor_tf.leakage.splits import LEAVE_ORIGIN_OUT
from braintumor_tf.runs import Run, is_imported


def resume_experiment(
    run: Run | str | Path, *, show_progress: bool = True, devices: str | Sequence[str] | None = None
) -> Run:
    """Goes on with a run that was interrupted, from what its own ``config.json`` and ``manifest.csv`` say.

    Args:
        run: the run, or its directory; a k-fold run goes on with all its folds.
        show_progress: whether to show bars.
        devices: as in `run_experiment`; they need not be those that it was started on.

    Returns:
        The finished run; one that is finished already is returned as it is.

    Raises:
        RunError: there is no such run, it is an ensemble, or it was started with objects that its configuration cannot
            hold.

    Example:
        >>> resume_experiment("models/cnn_grouped").finished  # doctest: +SKIP
        True
    """
    run = Run.of(run)
    if run.finished:
        return run
    config = run.config
    if "members" in config:
        run.refuse_unfinished()
    if has_folds(config):
        return resume_folds(run, show_progress=show_progress, devices=devices)
    if is_imported(config):
        raise RunError(
            f"{run.path}: its model was imported, there is nothing to train; score it with evaluate --dataset"
        )
    if "fold" in config:
        raise RunError(f"{run.path}: is a fold of a k-fold run; resume the whole, {run.path.parent}")
    if config["baselines"] not in (True, []) or holds_functions(config):
        raise RunError(
            f"{run.path}: was started with a function or with ready baselines, which no file keeps; "
            "call run_experiment again with the same arguments and resume=True"
        )
    return run_experiment(
        run.manifest,
        out=run.path,
        baselines=config["baselines"] is True,
        show_progress=show_progress,
        resume=True,
        devices=devices,
        **arguments_from(config),
    )


def resume_folds(run: Run, *, show_progress: bool = True, devices: str | Sequence[str] | None = None) -> Run:
    """Goes on with an interrupted run over folds or origins, from its own ``config.json`` and ``manifest.csv``.

    Args:
        run: the run over all folds.
        show_progress: whether to show bars.
        devices: as for `run_experiment`.

    Raises:
        RunError: it was started with objects that its configuration cannot hold.
    """
    config = run.config
    if holds_functions(config):
        raise RunError(
            f"{run.path}: was started with a function, which no file keeps; call run_folds again with the same "
            "arguments and resume=True"
        )
    how = {"baselines": config["baselines"], "show_progress": show_progress, "resume": True, "devices": devices}
    how |= arguments_from(config)
    if config["protocol"] == LEAVE_ORIGIN_OUT:
        return run_origins(run.manifest, out=run.path, **how)
    return run_folds(run.manifest, out=run.path, folds=config["folds"], **how)
