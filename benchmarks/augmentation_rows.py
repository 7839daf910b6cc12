"""What is measured: the ways of making the same augmented batches, each in a process of its own."""

from __future__ import annotations

import copy
import gc
import io
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from augmentation_timing import PeakMemory, Setting, batches_of, resident_bytes, time_batches

SIGMA = (0.0, 25.0)
TRANSFORMS: dict[str, Any] = {
    "rotation_range": 20,
    "width_shift_range": 0.1,
    "height_shift_range": 0.1,
    "horizontal_flip": True,
    "fill_mode": "nearest",
    "rescale": 1 / 255,
}
RANDOM = np.random.default_rng(0)
SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff"}


def serve(family: str, setting: Setting, pipe: Any) -> None:
    """Runs in a child process: measures a row of a family whenever the parent asks."""
    warnings.simplefilter("ignore")
    sys.stdout = io.StringIO()  # Keras announces every folder that it finds
    rows = FAMILIES[family](setting)
    base = resident_bytes()
    pipe.send("ready")
    while (name := pipe.recv()) is not None:
        gc.collect()  # Keras's iterators refer to themselves, so the last row's images may still be in memory
        with PeakMemory() as peak:
            count, seconds = rows[name]()
        pipe.send((count / seconds, (peak.bytes - base) / 2**20))


def _frame(setting: Setting) -> Any:
    import pandas as pd

    paths = sorted(path for path in Path(setting.data).rglob("*") if path.suffix.lower() in SUFFIXES)
    if setting.images:
        paths = paths[:: max(1, len(paths) // setting.images)][: setting.images]
    return pd.DataFrame({"filename": [str(path) for path in paths], "class": [path.parent.name for path in paths]})


def _flow(generator: Any, setting: Setting) -> Any:
    size = (setting.size, setting.size)
    return generator.flow_from_dataframe(_frame(setting), target_size=size, batch_size=setting.batch, seed=0)


def _numpy_noise(image: np.ndarray) -> np.ndarray:
    noise = RANDOM.normal(0, RANDOM.uniform(*SIGMA), image.shape)
    return np.clip(image + noise, 0, 255).astype(np.float32)


def _skimage_noise(image: np.ndarray) -> np.ndarray:
    from skimage.util import random_noise

    sigma = RANDOM.uniform(*SIGMA) / 255
    return (random_noise(image / 255, mode="gaussian", var=sigma**2) * 255).astype(np.float32)


def stock(setting: Setting) -> dict[str, Callable[[], tuple[int, float]]]:
    """Keras's own class."""
    from tensorflow.keras.preprocessing.image import ImageDataGenerator

    def row(noise: Callable | None, workers: int) -> Callable[[], tuple[int, float]]:
        flow = _flow(ImageDataGenerator(**TRANSFORMS, preprocessing_function=noise), setting)
        count = max(2, 128 // setting.batch)
        return lambda: time_batches(batches_of(flow, workers, count))

    return {
        "stock + NumPy noise": row(_numpy_noise, 1),
        "stock + NumPy noise, 2 workers": row(_numpy_noise, 2),
        "stock + skimage noise": row(_skimage_noise, 1),
        "stock without noise": row(None, 1),
    }


def layers(setting: Setting) -> dict[str, Callable[[], tuple[int, float]]]:
    """Keras's preprocessing layers in tf.data; decoded images are kept in memory from the first pass on."""
    import keras
    import tensorflow as tf

    augment = keras.Sequential(
        [
            keras.layers.RandomRotation(20 / 360, fill_mode="nearest"),
            keras.layers.RandomTranslation(0.1, 0.1, fill_mode="nearest"),
            keras.layers.RandomFlip("horizontal"),
        ]
    )

    def finish(images: Any, labels: Any) -> tuple[Any, Any]:
        images = augment(tf.cast(images, tf.float32), training=True)
        sigma = tf.random.uniform((tf.shape(images)[0], 1, 1, 1), *SIGMA)
        noise = tf.random.normal(tf.shape(images)) * sigma
        return tf.clip_by_value(images + noise, 0, 255) / 255, labels

    dataset = keras.utils.image_dataset_from_directory(
        setting.data, image_size=(setting.size,) * 2, batch_size=None, label_mode="categorical", shuffle=False
    )
    stored = dataset.map(lambda image, label: (tf.cast(image, tf.uint8), label), tf.data.AUTOTUNE).cache()
    for _ in stored:  # the first pass fills the cache and is not timed
        pass
    ready = stored.shuffle(1000, seed=0).batch(setting.batch).map(finish, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
    for _ in ready.take(2):  # tracing is not timed
        pass

    return {
        "Keras layers in tf.data + noise, later epochs": lambda: time_batches(
            iter(ready.take(max(2, 512 // setting.batch)))
        )
    }


def albumentations(setting: Setting) -> dict[str, Callable[[], tuple[int, float]]]:
    """Albumentations in a PyDataset; decoded images are kept in memory."""
    import albumentations as alb
    import cv2
    import keras
    from keras.utils import load_img

    frame = _frame(setting)
    images = [np.asarray(load_img(path, target_size=(setting.size,) * 2)) for path in frame["filename"]]
    shift = (-0.1, 0.1)
    transform = alb.Compose(
        [
            alb.Affine(
                rotate=(-20, 20), translate_percent={"x": shift, "y": shift}, border_mode=cv2.BORDER_REPLICATE, p=1
            ),
            alb.HorizontalFlip(p=0.5),
            alb.GaussNoise(std_range=(SIGMA[0] / 255, SIGMA[1] / 255), p=1),
        ]
    )

    class Batches(keras.utils.PyDataset):
        def __len__(self) -> int:
            return len(images) // setting.batch

        def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
            chosen = images[setting.batch * index : setting.batch * (index + 1)]
            batch = np.stack([transform(image=image)["image"] for image in chosen])
            return batch.astype(np.float32) / 255, np.zeros(len(batch), np.float32)

    dataset, count = Batches(), max(2, 512 // setting.batch)
    return {
        f"albumentations in a PyDataset + noise, {workers} worker{'s' * (workers > 1)}": lambda workers=workers: (
            time_batches(batches_of(dataset, workers, count))
        )
        for workers in (1, 2)
    }


def _ours(setting: Setting, noise: bool) -> Any:
    from braintumor_tf.augment import GaussianNoise, ImageDataGenerator

    return _flow(ImageDataGenerator(**TRANSFORMS, noise=GaussianNoise(SIGMA) if noise else None), setting)


def ours_first(setting: Setting) -> dict[str, Callable[[], tuple[int, float]]]:
    """This package from nothing: making the iterator, which reads all files, and one epoch."""

    def row(noise: bool) -> tuple[int, float]:
        start = time.perf_counter()
        flow = _ours(setting, noise)
        flow.workers = 2
        images, _ = time_batches(batches_of(flow, 2, len(flow)))
        return images, time.perf_counter() - start

    _ours(Setting(setting.data, setting.size, setting.batch, 8), True)  # imports are not timed
    return {"ours, first epoch + noise": lambda: row(True), "ours, first epoch": lambda: row(False)}


def ours(setting: Setting) -> dict[str, Callable[[], tuple[int, float]]]:
    """This package once the files have been read."""
    noisy = _ours(setting, True)
    rows: dict[str, Callable[[], tuple[int, float]]] = {}
    for flow, label in ((noisy, " + noise"), (_without_noise(noisy), "")):
        for workers in (1, 2):
            name = f"ours, later epochs{label}, {workers} worker{'s' * (workers > 1)}"
            rows[name] = lambda flow=flow, workers=workers: _later(flow, workers, 1)
        rows[f"ours, later epochs{label}, as it comes"] = lambda flow=flow: _later(flow, 1, None)
    return rows


def _without_noise(flow: Any) -> Any:
    """The same iterator, and the same decoded images, without noise."""
    clean = copy.copy(flow)
    clean.image_data_generator = copy.copy(flow.image_data_generator)
    clean.image_data_generator.noise = None
    return clean


def _later(flow: Any, workers: int, threads: int | None) -> tuple[int, float]:
    flow.workers, flow.threads = workers, threads
    return time_batches(batches_of(flow, workers, max(4, min(len(flow), 2880 // flow.batch_size))))


def limit(setting: Setting) -> dict[str, Callable[[], tuple[int, float]]]:
    """Copying ready uint8 batches to float32: into a new array each time, and into the same one."""
    batches = np.random.default_rng(0).integers(0, 256, (8, setting.batch, setting.size, setting.size, 3), np.uint8)
    out = np.empty(batches.shape[1:], np.float32)
    count = max(8, 2880 // setting.batch)

    def fresh() -> Iterator[Any]:
        for number in range(count):
            yield (batches[number % 8].astype(np.float32),)

    def reused() -> Iterator[Any]:
        for number in range(count):
            np.copyto(out, batches[number % 8])
            yield (out,)

    return {
        "limit: uint8 to float32, new array": lambda: time_batches(fresh()),
        "limit: uint8 to float32, same array": lambda: time_batches(reused()),
    }


FAMILIES: dict[str, Callable[[Setting], dict[str, Callable[[], tuple[int, float]]]]] = {
    "stock": stock,
    "layers": layers,
    "albumentations": albumentations,
    "ours_first": ours_first,
    "ours": ours,
    "limit": limit,
}
NAMES = {
    "stock": (
        "stock + NumPy noise",
        "stock + NumPy noise, 2 workers",
        "stock + skimage noise",
        "stock without noise",
    ),
    "layers": ("Keras layers in tf.data + noise, later epochs",),
    "albumentations": (
        "albumentations in a PyDataset + noise, 1 worker",
        "albumentations in a PyDataset + noise, 2 workers",
    ),
    "ours_first": ("ours, first epoch + noise", "ours, first epoch"),
    "ours": (
        "ours, later epochs + noise, 1 worker",
        "ours, later epochs + noise, 2 workers",
        "ours, later epochs + noise, as it comes",
        "ours, later epochs, 1 worker",
        "ours, later epochs, 2 workers",
        "ours, later epochs, as it comes",
    ),
    "limit": ("limit: uint8 to float32, new array", "limit: uint8 to float32, same array"),
}
"""The rows of each family, in the table's order."""
