"""Running the numbered notebooks with papermill, and what a notebook itself calls."""

from braintumor_tf.notebooks.copies import copy_notebooks
from braintumor_tf.notebooks.results import begin, environment_line, record_results, run_folder
from braintumor_tf.notebooks.runner import NotebookResult, find_notebooks, run_notebooks, select_notebooks

__all__ = [
    "NotebookResult",
    "begin",
    "copy_notebooks",
    "environment_line",
    "find_notebooks",
    "record_results",
    "run_folder",
    "run_notebooks",
    "select_notebooks",
]
