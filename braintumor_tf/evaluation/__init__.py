"""Evaluation: predictions, scores with intervals over groups, and the whole road of one experiment.

Importing this imports no Keras; predicting does so when it is asked for.
"""

from braintumor_tf.evaluation.again import Evaluation, evaluate_run, evaluate_runs, predict_files
from braintumor_tf.evaluation.combining import combine, validation_weights
from braintumor_tf.evaluation.cross_validation import resume_folds, run_folds
from braintumor_tf.evaluation.ensembles import run_ensemble
from braintumor_tf.evaluation.errors import EvaluationError
from braintumor_tf.evaluation.experiment import resume_experiment, run_experiment
from braintumor_tf.evaluation.members import Ensemble
from braintumor_tf.evaluation.predictions import load_run_model, predict, predictions_frame
from braintumor_tf.evaluation.scoring import error_kinds, evaluate
from braintumor_tf.evaluation.tables import error_table, summary_table
from braintumor_tf.evaluation.views import VIEWS

__all__ = [
    "VIEWS",
    "Ensemble",
    "Evaluation",
    "EvaluationError",
    "combine",
    "error_kinds",
    "error_table",
    "evaluate",
    "evaluate_run",
    "evaluate_runs",
    "load_run_model",
    "predict",
    "predict_files",
    "predictions_frame",
    "resume_experiment",
    "resume_folds",
    "run_ensemble",
    "run_experiment",
    "run_folds",
    "summary_table",
    "validation_weights",
]
