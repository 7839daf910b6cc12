"""Experiments: one run, the folds of a run, an ensemble of runs, and what is asked of finished runs later."""

from braintumor_tf.experiments.ensemble import run_ensemble
from braintumor_tf.experiments.folds import run_folds
from braintumor_tf.experiments.image_files import predict_files
from braintumor_tf.experiments.rescoring import Evaluation, evaluate_run, evaluate_runs
from braintumor_tf.experiments.resume import resume_experiment, resume_folds
from braintumor_tf.experiments.single import run_experiment

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
