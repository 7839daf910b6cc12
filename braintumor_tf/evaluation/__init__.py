"""Evaluation: predictions, scores with intervals over groups, and the whole road of one experiment.

Importing this imports no Keras; predicting does so when it is asked for.
"""

from braintumor_tf.evaluation.again import Evaluation, evaluate_run, predict_files
from braintumor_tf.evaluation.experiment import resume_experiment, run_experiment
from braintumor_tf.evaluation.predictions import EvaluationError, load_run_model, predict, predictions_frame
from braintumor_tf.evaluation.scoring import error_kinds, evaluate
from braintumor_tf.evaluation.tables import error_table, summary_table

__all__ = [
    "Evaluation",
    "EvaluationError",
    "error_kinds",
    "error_table",
    "evaluate",
    "evaluate_run",
    "load_run_model",
    "predict",
    "predict_files",
    "predictions_frame",
    "resume_experiment",
    "run_experiment",
    "summary_table",
]
