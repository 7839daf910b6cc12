"""Scores under noise."""

from braintumor_tf.evaluation.robustness.result import Robustness
from braintumor_tf.evaluation.robustness.run_robustness import read_robustness, robustness, score_robustness

__all__ = ["Robustness", "read_robustness", "robustness", "score_robustness"]
