"""Experiments: one run, the folds of a run, an ensemble of runs, and finished runs scored once more."""

from braintumor_tf.experiments.ensemble import run_ensemble
from braintumor_tf.experiments.folds import resume_folds, run_folds
from braintumor_tf.experiments.rescoring import Evaluation, evaluate_run, evaluate_runs, predict_files
from braintumor_tf.experiments.single import resume_experiment, run_experiment

__all__ = [
    "Evaluation",
    "evaluate_run",
    "evaluate_runs",
    "predict_files",
    "resume_experiment",
    "resume_folds",
    "run_ensemble",
    "run_experiment",
    "run_folds",
]
