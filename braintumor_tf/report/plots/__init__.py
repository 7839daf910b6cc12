"""Every figure of the project, in one place: each function takes a table and returns a matplotlib `Figure`."""

from __future__ import annotations

from braintumor_tf.report.plots.calibration import reliability_diagram, risk_coverage, set_sizes
from braintumor_tf.report.plots.comparison import leaderboard
from braintumor_tf.report.plots.data import class_balance, group_sizes, image_sizes
from braintumor_tf.report.plots.explanation.heat_maps import (
    explanation_pages,
    plot_explanations,
    plot_right_and_wrong,
    right_and_wrong,
)
from braintumor_tf.report.plots.explanation.layers import plot_activations, plot_attention_heads, plot_filters
from braintumor_tf.report.plots.explanation.lesions import plot_maps_and_lesions
from braintumor_tf.report.plots.explanation.trust import (
    image_versions,
    localisation_scores,
    masking_drops,
    outside_scores,
    randomisation_curve,
)
from braintumor_tf.report.plots.images import predicted_grid, sample_grid, twin_pairs, worst_errors
from braintumor_tf.report.plots.intervals import leak_curve, score_intervals
from braintumor_tf.report.plots.robustness import robustness_curves, robustness_table
from braintumor_tf.report.plots.scores import confusion_matrix, precision_recall_curves, roc_curves
from braintumor_tf.report.plots.search import search_trials
from braintumor_tf.report.plots.style import save_figure
from braintumor_tf.report.plots.training import training_curves

__all__ = [
    "class_balance",
    "confusion_matrix",
    "explanation_pages",
    "group_sizes",
    "image_sizes",
    "image_versions",
    "leaderboard",
    "leak_curve",
    "localisation_scores",
    "masking_drops",
    "outside_scores",
    "plot_activations",
    "plot_attention_heads",
    "plot_explanations",
    "plot_filters",
    "plot_maps_and_lesions",
    "plot_right_and_wrong",
    "precision_recall_curves",
    "predicted_grid",
    "randomisation_curve",
    "reliability_diagram",
    "right_and_wrong",
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
    "twin_pairs",
    "worst_errors",
]
