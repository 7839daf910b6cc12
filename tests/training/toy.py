"""A toy task that a small network learns in seconds: the class is the quadrant that a bright blob lies in."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from braintumor_tf.datasets.descriptions import content_hash
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
                md5, group = content_hash(path.read_bytes()), f"{split}{label}{index // 2}"
                rows.append((str(path), label, split, "toy", SIDE, SIDE, md5, path.stem, "a5" * 8, group))
    columns = ["path", "label", "split", "source", "width", "height", "md5", "pixel_hash", "phash", "group"]
    return pd.DataFrame(rows, columns=columns)


def small_cnn(seed: int = 0) -> Any:
    """Returns a network of two blocks for images of 32 x 32, which is built and traced in a second."""
    from braintumor_tf.models.architectures.cnn import ConvolutionBlock, build_cnn

    config = ModelConfig(classes=CLASSES, image_size=(32, 32), seed=seed)
    return build_cnn(config, blocks=(ConvolutionBlock(8), ConvolutionBlock(8)))


def build_small(config: ModelConfig) -> Any:
    """Builds the network of `small_cnn` in place of the registry's CNN, and runs `BUILT` first."""
    for watch in BUILT:
        watch()
    model = small_cnn(config.seed)
    MODELS_BUILT.append(weakref.ref(model))
    return model


BUILT: list[Callable[[], None]] = []
"""What is called whenever `build_small` builds a network: it may raise, or end the process."""

MODELS_BUILT: list[weakref.ref] = []
"""The networks that `build_small` has built."""


@contextlib.contextmanager
def small_cnn_in_the_registry() -> Iterator[None]:
    """Makes the row ``"CNN"`` of the registry a small network, for all who build one by its name."""
    from braintumor_tf.models import MODELS, get_spec

    row = replace(MODELS["CNN"], builder=f"{__name__}:{build_small.__name__}")
    names = get_spec.__globals__  # wherever that function lives, this is where it looks the registry up
    before = names["MODELS"]
    names["MODELS"] = MappingProxyType({**MODELS, "CNN": row})
    try:
        yield
    finally:
        names["MODELS"] = before
        BUILT.clear()
        MODELS_BUILT.clear()
