"""Published pictures that are made up, and their copies, as files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from braintumor_tf.datasets import scan
from braintumor_tf.identity import OriginIndex, find_origins, make_index

CREDIT = {"credit": "the testers", "licence": "CC0 1.0", "url": "https://example.org/atlas"}


def write(folder: Path, pictures: list[np.ndarray], *, prefix: str = "") -> pd.DataFrame:
    """Writes pictures as PNG, numbered, and returns their manifest in that order."""
    (folder / "glioma").mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(pictures):
        Image.fromarray(np.ascontiguousarray(picture)).save(folder / "glioma" / f"{prefix}{number:03}.png")
    return scan(folder, cache=False, show_progress=False).manifest


def index_of(folder: Path, pictures: list[np.ndarray], *, origin: str = "atlas", **columns: object) -> OriginIndex:
    manifest = write(folder, pictures).assign(**columns)
    return make_index(manifest, origin=origin, **CREDIT, show_progress=False)


def found_for(folder: Path, pictures: list[np.ndarray], *indexes: OriginIndex) -> pd.DataFrame:
    return find_origins(write(folder, pictures, prefix="renamed"), indexes, show_progress=False)
