"""Every figure of the project, in one place: each function takes a table and returns a matplotlib `Figure`."""

from __future__ import annotations

from braintumor_tf.report.plots.calibration import reliability_diagram, risk_coverage, set_sizes
from braintumor_tf.report.plots.comparison import leaderboard, score_intervals
from braintumor_tf.report.plots.data import class_balance, group_sizes, image_sizes, leak_curve
from braintumor_tf.report.plots.explanation.checks import (
    image_versions,
    localisation_scores,
    masking_drops,
    outside_scores,
    randomisation_curve,
)
from braintumor_tf.report.plots.explanation.heat_maps import explained_images, explanation_pages, right_and_wrong_maps
from braintumor_tf.report.plots.explanation.layers import activation_maps, attention_heads, layer_filters
from braintumor_tf.report.plots.explanation.lesions import maps_and_lesions
from braintumor_tf.report.plots.images import near_duplicate_pairs, predicted_grid, sample_grid, worst_errors
from braintumor_tf.report.plots.ladder import leak_ladder
from braintumor_tf.report.plots.robustness import robustness_curves, robustness_table
from braintumor_tf.report.plots.scores import confusion_matrix, precision_recall_curves, roc_curves
from braintumor_tf.report.plots.search import search_trials
from braintumor_tf.report.plots.selection import right_and_wrong_rows
from braintumor_tf.report.plots.style import save_figure
from braintumor_tf.report.plots.training import training_curves

__all__ = [
    "activation_maps",
    "attention_heads",
    "class_balance",
    "confusion_matrix",
    "explained_images",
    "explanation_pages",
    "group_sizes",
    "image_sizes",
    "image_versions",
    "layer_filters",
    "leaderboard",
    "leak_curve",
    "leak_ladder",
    "localisation_scores",
    "maps_and_lesions",
    "masking_drops",
    "near_duplicate_pairs",
    "outside_scores",
    "precision_recall_curves",
    "predicted_grid",
    "randomisation_curve",
    "reliability_diagram",
    "right_and_wrong_maps",
    "right_and_wrong_rows",
    "risk_coverage",
    "robustness_curves",
    "robustness_table",
    "roc_curves",
    "sample_grid",
    "save_figure",
    "score_intervals",
    "search_trials",
    "set_sizes",
    "training_curves",
    "worst_errors",
]
