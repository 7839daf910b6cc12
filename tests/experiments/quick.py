"""What keeps tests of folds and ensembles short."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from braintumor_tf.leakage.baseline_models import BASELINES


@contextmanager
def without_trees() -> Iterator[None]:
    """Leaves out the baselines that grow trees, which take most of the time and are tested elsewhere."""
    before = dict(BASELINES)
    for name in ("metadata", "border"):
        del BASELINES[name]
    try:
        yield
    finally:
        BASELINES.clear()
        BASELINES.update(before)  # in the same order
