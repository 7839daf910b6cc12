"""Evaluation: predictions, scores with intervals over groups, and the whole road of one experiment.

Importing this imports no Keras; predicting does so when it is asked for.
"""

from braintumor_tf.evaluation.abstention import answering
from braintumor_tf.evaluation.again import Evaluation, evaluate_run, evaluate_runs, predict_files
from braintumor_tf.evaluation.calibrating import calibrate_run, measure_calibration
from braintumor_tf.evaluation.calibration import calibration_scores, reliability_table
from braintumor_tf.evaluation.combining import combine, validation_weights
from braintumor_tf.evaluation.comparing import Comparison, compare
from braintumor_tf.evaluation.conformal import conformal_sets, fit_thresholds
from braintumor_tf.evaluation.cost import cost_of, milliseconds_per_image
from braintumor_tf.evaluation.cross_validation import resume_folds, run_folds
from braintumor_tf.evaluation.ensembles import run_ensemble
from braintumor_tf.evaluation.errors import EvaluationError
from braintumor_tf.evaluation.experiment import resume_experiment, run_experiment
from braintumor_tf.evaluation.folders import folder_errors
from braintumor_tf.evaluation.members import Ensemble
from braintumor_tf.evaluation.paired_tests import holm, mcnemar, paired_tests
from braintumor_tf.evaluation.predictions import load_run_model, predict, predictions_frame
from braintumor_tf.evaluation.robustness import read_robustness, robustness, score_robustness
from braintumor_tf.evaluation.robustness_result import Robustness
from braintumor_tf.evaluation.scoring import error_kinds, evaluate
from braintumor_tf.evaluation.selective import coverage_at_risk, risk_coverage_curve
from braintumor_tf.evaluation.tables import error_table, summary_table
from braintumor_tf.evaluation.temperature import fit_temperature, scale_predictions
from braintumor_tf.evaluation.views import VIEWS

__all__ = [
    "VIEWS",
    "Comparison",
    "Ensemble",
    "Evaluation",
    "EvaluationError",
    "Robustness",
    "answering",
    "calibrate_run",
    "calibration_scores",
    "combine",
    "compare",
    "conformal_sets",
    "cost_of",
    "coverage_at_risk",
    "error_kinds",
    "error_table",
    "evaluate",
    "evaluate_run",
    "evaluate_runs",
    "fit_temperature",
    "fit_thresholds",
    "folder_errors",
    "holm",
    "load_run_model",
    "mcnemar",
    "measure_calibration",
    "milliseconds_per_image",
    "paired_tests",
    "predict",
    "predict_files",
    "predictions_frame",
    "read_robustness",
    "reliability_table",
    "resume_experiment",
    "resume_folds",
    "risk_coverage_curve",
    "robustness",
    "run_ensemble",
    "run_experiment",
    "run_folds",
    "scale_predictions",
    "score_robustness",
    "summary_table",
    "validation_weights",
]
