"""Evaluation: predictions, and scores with intervals over groups.

Importing this imports no Keras; predicting does so when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from braintumor_tf.lazy import lazy_names

if TYPE_CHECKING:
    from braintumor_tf.errors import EvaluationError
    from braintumor_tf.evaluation.calibration.abstention import answering
    from braintumor_tf.evaluation.calibration.conformal import conformal_sets, fit_thresholds
    from braintumor_tf.evaluation.calibration.reliability import (
        CalibrationScores,
        calibration_scores,
        reliability_table,
    )
    from braintumor_tf.evaluation.calibration.risk_coverage import coverage_at_risk, risk_coverage_curve
    from braintumor_tf.evaluation.calibration.run_calibration import Calibration, calibrate_run, measure_calibration
    from braintumor_tf.evaluation.calibration.temperature import fit_temperature, scale_predictions
    from braintumor_tf.evaluation.comparison.compare_runs import Comparison, compare
    from braintumor_tf.evaluation.comparison.cost import Cost, cost_of, milliseconds_per_image
    from braintumor_tf.evaluation.comparison.paired_tests import McNemar, compare_pairs, mcnemar
    from braintumor_tf.evaluation.gate import Gate, fit_gate, read_gate
    from braintumor_tf.evaluation.prediction.ensemble_model import Ensemble
    from braintumor_tf.evaluation.prediction.ensemble_weights import combine, validation_weights
    from braintumor_tf.evaluation.prediction.predict import load_run_model, predict_manifest
    from braintumor_tf.evaluation.prediction.test_time_views import VIEWS
    from braintumor_tf.evaluation.probing.features import image_features
    from braintumor_tf.evaluation.probing.origin_probe import OriginProbe, SourceProbe, probe_origins, source_probe
    from braintumor_tf.evaluation.robustness.result import Robustness
    from braintumor_tf.evaluation.robustness.run_robustness import read_robustness, score_robustness
    from braintumor_tf.evaluation.scores.errors_by_folder import folder_errors
    from braintumor_tf.evaluation.scores.evaluation_table import error_kinds, score_predictions
    from braintumor_tf.evaluation.scores.multiple_testing import holm
    from braintumor_tf.evaluation.scores.seeds import SeedMeans, seed_means
    from braintumor_tf.evaluation.scores.split_scores import SplitScores
    from braintumor_tf.evaluation.scores.tables import error_table, summary_table

__all__ = [
    "VIEWS",
    "Calibration",
    "CalibrationScores",
    "Comparison",
    "Cost",
    "Ensemble",
    "EvaluationError",
    "Gate",
    "McNemar",
    "OriginProbe",
    "Robustness",
    "SeedMeans",
    "SourceProbe",
    "SplitScores",
    "answering",
    "calibrate_run",
    "calibration_scores",
    "combine",
    "compare",
    "compare_pairs",
    "conformal_sets",
    "cost_of",
    "coverage_at_risk",
    "error_kinds",
    "error_table",
    "fit_gate",
    "fit_temperature",
    "fit_thresholds",
    "folder_errors",
    "holm",
    "image_features",
    "load_run_model",
    "mcnemar",
    "measure_calibration",
    "milliseconds_per_image",
    "predict_manifest",
    "probe_origins",
    "read_gate",
    "read_robustness",
    "reliability_table",
    "risk_coverage_curve",
    "scale_predictions",
    "score_predictions",
    "score_robustness",
    "seed_means",
    "source_probe",
    "summary_table",
    "validation_weights",
]

__getattr__, __dir__ = lazy_names(__name__)
