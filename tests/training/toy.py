"""A toy task that a small network learns in seconds: the class is the quadrant that a bright blob lies in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.types import ModelConfig

SIDE = 40
SPLITS = {"train": 24, "validation": 6, "test": 6}
"""Images of each class in each split; neighbouring pairs are one group."""


def toy_image(quadrant: int, generator: np.random.Generator) -> np.ndarray:
    """Returns a grey uint8 image of `SIDE` x `SIDE` with a blob in one quadrant."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    centre = np.array([quadrant // 2, quadrant % 2]) * SIDE / 2 + SIDE / 4 + generator.uniform(-3, 3, 2)
    blob = 180 * np.exp(-((rows - centre[0]) ** 2 + (columns - centre[1]) ** 2) / 40)
    return np.clip(blob + generator.uniform(0, 60, (SIDE, SIDE)), 0, 255).astype(np.uint8)


def toy_manifest(folder: Path, classes: tuple[str, ...] = CLASSES, seed: int = 0) -> pd.DataFrame:
    """Writes the toy images and returns their split manifest."""
    generator = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for split, count in SPLITS.items():
        for number, label in enumerate(classes):
            for index in range(count):
                path = folder / f"{split}_{label}_{index}.png"
                Image.fromarray(toy_image(number, generator)).save(path)
                name = path.stem
                rows.append(
                    (str(path), label, split, "toy", SIDE, SIDE, name, name, "0" * 16, f"{split}{label}{index // 2}")
                )
    columns = ["path", "label", "split", "source", "width", "height", "md5", "pixel_hash", "phash", "group"]
    return pd.DataFrame(rows, columns=columns)


def small_cnn(seed: int = 0) -> Any:
    """Returns a network of two blocks for images of 32 x 32, which is built and traced in a second."""
    from braintumor_tf.models.architectures.cnn import ConvolutionBlock, build_cnn

    config = ModelConfig(classes=CLASSES, image_size=(32, 32), seed=seed)
    return build_cnn(config, blocks=(ConvolutionBlock(8), ConvolutionBlock(8)))
