"""Shortcut baselines: what can be had without looking at a tumour. A score is worth how far it lies above them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import ClassifierMixin
from sklearn.decomposition import PCA
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from braintumor_tf.datasets.formats import IMAGE_SUFFIXES, file_of
from braintumor_tf.datasets.manifest import thumbnails
from braintumor_tf.errors import DatasetError, SplitError
from braintumor_tf.predictions_table import make_predictions

BORDER_PIXELS = 3
"""Width of the border strip on a 64x64 thumbnail: the outer 4.7 % of the picture on each side."""


def metadata_features(manifest: pd.DataFrame) -> np.ndarray:
    """Returns what is known without opening the picture: width, height, their ratio, bytes, bytes a pixel, file type.

    Returns:
        float32 of shape ``(images, 6)``.

    Raises:
        DatasetError: a file of the manifest is gone.
    """
    try:
        size = np.array([os.path.getsize(file_of(path)) for path in manifest["path"]], dtype=np.float64)
    except OSError as error:
        raise DatasetError(f"{error.filename}: cannot be opened ({error.strerror}); scan the folder again") from error
    width, height = manifest["width"].to_numpy(float), manifest["height"].to_numpy(float)
    suffixes = sorted(IMAGE_SUFFIXES)
    kind = [suffixes.index(s) if (s := Path(path).suffix.lower()) in suffixes else -1 for path in manifest["path"]]
    return np.column_stack([width, height, width / height, size, size / (width * height), kind]).astype(np.float32)


def border_features(manifest: pd.DataFrame) -> np.ndarray:
    """Returns the pixels of a thin strip along the four borders, where there is no brain.

    Returns:
        float32 of shape ``(images, 732)``, 0..255.
    """
    small = thumbnails(manifest)
    strip = np.ones(small.shape[1:], bool)
    strip[BORDER_PIXELS:-BORDER_PIXELS, BORDER_PIXELS:-BORDER_PIXELS] = False
    return small[:, strip].astype(np.float32)


def thumbnail_features(manifest: pd.DataFrame) -> np.ndarray:
    """Returns all pixels of 32x32 grey thumbnails: float32 of shape ``(images, 1024)``, 0..255."""
    small = thumbnails(manifest).astype(np.float32)
    return small.reshape(-1, 32, 2, 32, 2).mean(axis=(2, 4)).reshape(len(small), -1)


def pixel_features(manifest: pd.DataFrame) -> np.ndarray:
    """Returns all pixels of the 64x64 grey thumbnails: float32 of shape ``(images, 4096)``, 0..1."""
    small = thumbnails(manifest)
    return small.reshape(len(small), -1).astype(np.float32) / 255


def _trees(images: int, seed: int) -> ClassifierMixin:
    return ExtraTreesClassifier(300, class_weight="balanced", n_jobs=-1, random_state=seed)


def _border(images: int, seed: int) -> ClassifierMixin:
    return make_pipeline(FunctionTransformer(np.log1p), StandardScaler(), _trees(images, seed))


def _nearest(images: int, seed: int) -> ClassifierMixin:
    return KNeighborsClassifier(1, algorithm="brute")


def _pca(images: int, seed: int) -> ClassifierMixin:
    return make_pipeline(
        PCA(min(200, images - 1), svd_solver="randomized", random_state=seed),
        LogisticRegression(C=0.1, max_iter=1000),
    )


BASELINES: dict[str, tuple[Callable[[pd.DataFrame], np.ndarray], Callable[[int, int], ClassifierMixin]]] = {
    "metadata": (metadata_features, _trees),
    "border": (border_features, _border),
    "nearest_neighbour": (thumbnail_features, _nearest),
    "pca_logistic_regression": (pixel_features, _pca),
}
"""Each baseline's features, and its classifier for a number of training images and a seed."""


def predict_baselines(manifest: pd.DataFrame, classes: Sequence[str], *, seed: int = 0) -> dict[str, pd.DataFrame]:
    """Fits every shortcut baseline on the training images of a split and lets it predict the others.

    Args:
        manifest: with its splits.
        classes: the labels, in the order of the probability columns.
        seed: of those baselines that draw.

    Returns:
        For each name in `BASELINES` a predictions table over validation and test: path, label, split, group, predicted,
        ``p_<class>``.

    Raises:
        SplitError: there is no training image, or a label is not in `classes`.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from braintumor_tf.datasets import CLASSES, scan, write_synthetic
        >>> with TemporaryDirectory() as folder:
        ...     _ = write_synthetic(f"{folder}/set", patients_per_class=2, slices_per_patient=2, image_size=64)
        ...     tables = predict_baselines(scan(f"{folder}/set").manifest, CLASSES)
        >>> list(tables)
        ['metadata', 'border', 'nearest_neighbour', 'pca_logistic_regression']
    """
    training, scored = manifest["split"] == "train", manifest["split"].isin(["validation", "test"])
    unknown = sorted(set(manifest["label"]) - set(classes))
    if not training.any() or unknown:
        raise SplitError(
            f"label {unknown[0]!r} is not among the classes" if unknown else "no training images; split first"
        )
    result = {}
    for name, (features, classifier) in BASELINES.items():
        values = features(manifest)
        model = classifier(int(training.sum()), seed).fit(values[training], manifest.loc[training, "label"])
        probabilities = np.zeros((int(scored.sum()), len(classes)))
        probabilities[:, [list(classes).index(label) for label in model.classes_]] = model.predict_proba(values[scored])
        result[name] = make_predictions(manifest[scored], classes, probabilities)
    return result
