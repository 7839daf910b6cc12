"""Small image folders, and smooth random images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage


def smooth_image(seed: int, height: int = 32, width: int = 32, channels: int = 3) -> np.ndarray:
    """A picture as cameras make them: neighbouring pixels are alike; float32 in 0..255."""
    field = np.random.default_rng(seed).random((height, width, channels))
    field = ndimage.gaussian_filter(field, (1.5, 1.5, 0))
    return ((field - field.min()) / np.ptp(field) * 255).astype(np.float32)


def write_folder(root: Path, per_class: int = 6, classes: tuple[str, ...] = ("glioma", "none", "pituitary")) -> Path:
    """A folder of classes: grey, grey stored as RGB, colour, palette and JPEG files of several sizes."""
    for number, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for index in range(per_class):
            image = smooth_image(100 * number + index, 30 + index, 40 - index).astype(np.uint8)
            grey = Image.fromarray(image[..., 0])
            kinds = (grey, grey.convert("RGB"), Image.fromarray(image), Image.fromarray(image).convert("P"))
            suffix = "jpg" if index % 4 == 1 else "png"
            kinds[index % 4].save(root / name / f"{index}.{suffix}")
    return root


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 18 readable images in three classes; not to be written to."""
    return write_folder(tmp_path_factory.mktemp("images") / "data")
