"""Whether an exported model answers as its run does, measured on the run's test images; refused where it does not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from braintumor_tf.errors import ExportError
from braintumor_tf.evaluation.comparison.cost import milliseconds_per_image
from braintumor_tf.models.exported.contract import Parity
from braintumor_tf.predictions_table import PREDICTED, probabilities_of
from braintumor_tf.types import Predictor

TOLERANCE = 1e-4
"""How far a probability of a float32 export may differ: sums in another order differ by about 1e-6."""


def compare_answers(own: pd.DataFrame, exported: pd.DataFrame, classes: Sequence[str]) -> tuple[int, float, float]:
    """Compares two predictions tables of the same images.

    Args:
        own: what the run's model says.
        exported: what the exported model says, in the same order.
        classes: class names in order.

    Returns:
        How many images have another class, and the largest and the mean difference of probabilities.

    Example:
        >>> rows = pd.DataFrame({"predicted": ["a", "b"], "p_a": [0.9, 0.4], "p_b": [0.1, 0.6]})
        >>> other = pd.DataFrame({"predicted": ["a", "a"], "p_a": [0.9, 0.5], "p_b": [0.1, 0.5]})
        >>> changed, largest, mean = compare_answers(rows, other, ("a", "b"))
        >>> changed, round(largest, 3), round(mean, 3)
        (1, 0.1, 0.05)
    """
    differences = np.abs(probabilities_of(own, classes) - probabilities_of(exported, classes))
    changed = int((own[PREDICTED].to_numpy() != exported[PREDICTED].to_numpy()).sum())
    return changed, float(differences.max()), float(differences.mean())


def measure_parity(
    predictors: tuple[Predictor, Predictor],
    tables: tuple[pd.DataFrame, pd.DataFrame],
    sizes: tuple[int, int],
    *,
    allowed_changed: float,
    tolerance: float | None = None,
) -> Parity:
    """Measures how near an exported model is to its run.

    Args:
        predictors: the run's model, and the exported one.
        tables: what each predicted of the same test images.
        sizes: bytes of the files of each.
        allowed_changed: the share of changed answers that is allowed.
        tolerance: the largest difference of probabilities that is allowed; None where only changed answers count.
    """
    paths = tables[0]["path"].tolist()
    changed, largest, mean = compare_answers(*tables, predictors[0].classes)
    source, exported = (milliseconds_per_image(predictor, paths) for predictor in predictors)
    return Parity(
        images=len(paths),
        changed=changed,
        largest_difference=largest,
        mean_difference=mean,
        tolerance=tolerance,
        allowed_changed=allowed_changed,
        bytes=sizes[1],
        source_bytes=sizes[0],
        milliseconds_per_image=exported,
        source_milliseconds_per_image=source,
    )


def refuse_other_answers(parity: Parity, path: Path) -> None:
    """Raises ExportError where an exported model does not answer as its run does, as far as was allowed.

    Args:
        parity: what was measured.
        path: the folder that would be written.
    """
    if parity.changed_share > parity.allowed_changed:
        way = "--allow-changed allows more" if parity.tolerance is None else _REPORT
        raise ExportError(
            f"{path}: not written; {parity.changed} of {parity.images} test images ({parity.changed_share:.1%}) are "
            f"answered otherwise than by the run, and {parity.allowed_changed:.1%} are allowed; {way}"
        )
    if parity.tolerance is not None and parity.largest_difference > parity.tolerance:
        raise ExportError(
            f"{path}: not written; a probability differs by {parity.largest_difference:.2g} from that of the run, and "
            f"{parity.tolerance:g} is allowed; {_REPORT}"
        )


_REPORT = "choose another --format, and report it: a float32 export must answer as its run does"
