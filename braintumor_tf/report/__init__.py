"""Figures, the HTML report of a run, and the page of an audit."""

from braintumor_tf.report.audit_page import write_audit_page
from braintumor_tf.report.html import write_figures, write_report
from braintumor_tf.report.style import save_figure

__all__ = ["save_figure", "write_audit_page", "write_figures", "write_report"]
