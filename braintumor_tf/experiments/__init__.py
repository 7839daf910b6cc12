"""Experiments: one run, the folds of a run, an ensemble of runs, and what is asked of finished runs later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from braintumor_tf.lazy import lazy_names

if TYPE_CHECKING:
    from braintumor_tf.experiments.ensemble import run_ensemble
    from braintumor_tf.experiments.folds import run_folds
    from braintumor_tf.experiments.imported.imported_run import import_model
    from braintumor_tf.experiments.ladder import read_ladder, resume_ladder, run_ladder
    from braintumor_tf.experiments.ladder_result import Ladder, combine_ladders
    from braintumor_tf.experiments.origins import run_origins
    from braintumor_tf.experiments.predicting import image_paths, predict_files, predict_images
    from braintumor_tf.experiments.rescoring import Evaluation, evaluate_run, evaluate_runs
    from braintumor_tf.experiments.resume import resume_experiment, resume_folds
    from braintumor_tf.experiments.single import run_experiment

__all__ = [
    "Evaluation",
    "Ladder",
    "combine_ladders",
    "evaluate_run",
    "evaluate_runs",
    "image_paths",
    "import_model",
    "predict_files",
    "predict_images",
    "read_ladder",
    "resume_experiment",
    "resume_folds",
    "resume_ladder",
    "run_ensemble",
    "run_experiment",
    "run_folds",
    "run_ladder",
    "run_origins",
]

__getattr__, __dir__ = lazy_names(__name__)
