"""What keeps tests of folds and ensembles short."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from braintumor_tf.datasets.descriptions import content_hash
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


def hashed(manifest: pd.DataFrame) -> pd.DataFrame:
    """Gives the toy images the content hashes of their files, by which thumbnails are found."""
    return manifest.assign(md5=[content_hash(Path(path).read_bytes()) for path in manifest["path"]])
