"""The tables that a report writes beside itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from braintumor_tf.evaluation import error_table, summary_table
from braintumor_tf.files import write_csv


def write_tables(folder: Path, metrics: Mapping[str, Any], predictions: pd.DataFrame) -> None:
    """Writes ``error_analysis.csv`` (the errors) and ``metrics_summary.csv`` (the scores) into `folder`."""
    write_csv(folder / "error_analysis.csv", error_table(predictions, metrics.get("split", "test")))
    write_csv(folder / "metrics_summary.csv", summary_table(metrics))
