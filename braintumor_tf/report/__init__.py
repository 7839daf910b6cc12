"""Figures, the HTML report and the model card of a run, and the page of an audit."""

from braintumor_tf.report.model_card.card import write_model_card
from braintumor_tf.report.pages.audit import write_audit_page
from braintumor_tf.report.pages.report import write_figures, write_report
from braintumor_tf.report.plots.style import save_figure

__all__ = ["save_figure", "write_audit_page", "write_figures", "write_model_card", "write_report"]
