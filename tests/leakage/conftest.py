"""Small real folders of pictures with planted near-duplicates."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageFilter

from braintumor_tf.datasets import scan


def picture(seed: int, size: int = 120) -> Image.Image:
    """A smooth random grey picture; different seeds look nothing alike."""
    noise = np.random.default_rng(seed).normal(size=(size, size))
    image = Image.fromarray(np.uint8(np.clip(noise * 600 + 128, 0, 255)))
    blurred = np.asarray(image.filter(ImageFilter.GaussianBlur(8)), float)
    return Image.fromarray(np.uint8((blurred - blurred.min()) / np.ptp(blurred) * 255))


def save(image: Image.Image, path: Path, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
    return path


@pytest.fixture
def leaky_folder(tmp_path) -> Path:
    """Two classes, two splits; one byte copy, one PNG copy and one smaller JPEG copy cross the split.

    One label conflict.
    """
    root = tmp_path / "set"
    for number in range(12):
        label = ("glioma", "no_tumor")[number % 2]
        where = "Training" if number < 8 else "Testing"
        save(picture(number), root / where / label / f"{number}.png")
    train = root / "Training" / "glioma"
    save(picture(100), train / "bytes.jpg", quality=90)
    copy = root / "Testing" / "glioma" / "same_bytes.jpg"
    copy.write_bytes((train / "bytes.jpg").read_bytes())
    decoded = Image.open(train / "bytes.jpg")
    save(decoded, root / "Testing" / "glioma" / "same_pixels.png")
    save(picture(0).resize((90, 90)), root / "Testing" / "glioma" / "near.jpg", quality=60)
    save(picture(2), root / "Training" / "no_tumor" / "conflict.png")
    return root


@pytest.fixture
def near_duplicates(tmp_path) -> tuple[pd.DataFrame, pd.DataFrame, set[str]]:
    """A data set, another one, and the paths of the other's images that look like one of the first."""
    for number in range(12):
        save(picture(number), tmp_path / "one" / ("glioma", "no_tumor")[number % 2] / f"{number}.png")
    for number in range(20, 26):
        save(picture(number), tmp_path / "two" / ("glioma", "no_tumor")[number % 2] / f"{number}.png")
    twin = save(picture(4).resize((100, 100)), tmp_path / "two" / "glioma" / "twin.jpg", quality=70)
    options = {"cache": False, "show_progress": False}
    return scan(tmp_path / "one", **options).manifest, scan(tmp_path / "two", **options).manifest, {str(twin)}
