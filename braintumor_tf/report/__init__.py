"""Figures, the HTML report and the model card of a run, and the pages of an audit and of a comparison.

Inside this room, too, a folder imports only the folders before it: ``wording`` (numbers and names as text), ``plots``
(figures), ``sections`` (what a page says of one subject: sentences, tables and figures), ``model_card``, ``pages``.
Beside them lie `rendering` (templates) and `explained_images` (pictures of single files with their heat maps).
"""

from braintumor_tf.report.explained_images import explain_files
from braintumor_tf.report.model_card.card import write_model_card
from braintumor_tf.report.pages.audit import write_audit_page
from braintumor_tf.report.pages.comparison import write_comparison
from braintumor_tf.report.pages.report import write_report
from braintumor_tf.report.plots.style import save_figure

__all__ = [
    "explain_files",
    "save_figure",
    "write_audit_page",
    "write_comparison",
    "write_model_card",
    "write_report",
]
