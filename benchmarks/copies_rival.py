"""The perceptual hash that copies are usually looked for with: imagededup's own PHash, or imagehash's.

imagededup needs PyTorch for its networks and not for its hashes, so its hashes alone are loaded. To have them:
pip install --no-deps imagededup
"""

from __future__ import annotations

import sys
from functools import lru_cache
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd

from braintumor_tf.matching import to_bits

RIVAL_BITS = 10
"""Bits that imagededup's PHash may differ in by default."""


def rival_name() -> str:
    """Names the package that the hashes come from, and its version."""
    package = "imagededup" if find_spec("imagededup") else "imagehash"
    return f"{package} {version(package)}"


def rival_hashes(manifest: pd.DataFrame) -> np.ndarray:
    """Returns the perceptual hashes of a manifest's images, uint64: imagededup's where it is installed."""
    if not find_spec("imagededup"):
        return to_bits(manifest["phash"])
    return _encoded(tuple(manifest["path"]))


@lru_cache(maxsize=4)
def _encoded(paths: tuple[str, ...]) -> np.ndarray:
    hasher = _hashing().PHash(verbose=False)
    return np.array([int(hasher.encode_image(image_file=path), 16) for path in paths], np.uint64)


def _hashing() -> ModuleType:
    """The module of hashes alone, without the package around it, which imports PyTorch."""
    for name in ("methods", "utils"):
        package = ModuleType(f"imagededup.{name}")
        package.__path__ = [str(Path(find_spec("imagededup").origin).parent / name)]
        sys.modules.setdefault(package.__name__, package)
    return import_module("imagededup.methods.hashing")
