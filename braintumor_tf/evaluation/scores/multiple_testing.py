"""Several tests at once: p-values corrected for their number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Corrects p-values for their number, so that one of them is small by luck no more often than stated.

    Args:
        p_values: from 0 to 1; NaN is no test and stays NaN.

    Returns:
        The corrected ones in the same order, at most 1.

    Source: S. Holm, Scandinavian Journal of Statistics 6 (1979); as R's ``p.adjust(method="holm")``.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        array([0.03, 0.06, 0.06])
    """
    values = np.asarray(p_values, float)
    corrected = np.full(values.shape, np.nan)
    tested = np.flatnonzero(~np.isnan(values))
    order = tested[np.argsort(values[tested], kind="stable")]
    steps = values[order] * (len(order) - np.arange(len(order)))
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return corrected
