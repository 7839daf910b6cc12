"""Suspicious labels: images that a quick model, which never saw their group, takes for another class."""

from __future__ import annotations

import importlib.util
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import StratifiedGroupKFold

from braintumor_tf.errors import DatasetError, SplitError
from braintumor_tf.leakage.baseline_models import thumbnail_features
from braintumor_tf.leakage.groups import group
from braintumor_tf.progress import progress_bar

QUICK_MODEL = "extremely randomised trees on 32x32 thumbnails"
"""The model whose doubts are ranked."""

TREES = 300


@dataclass(frozen=True, kw_only=True)
class LabelIssues:
    """Images whose label is to be looked at.

    Attributes:
        images: how many were judged.
        folds: of the cross-validation.
        accuracy: of the quick model out of fold, 0..1: the lower, the more suspicions are its own mistakes.
        issues: the suspicious images, the most suspicious first: ``path``, ``label`` (given), ``suggested``, ``score``
            (0 most suspicious, 1 not at all), ``split``, and ``origin`` and ``origin_label``, empty where unknown.
        scores: the score of each image, float64 of shape ``(images,)`` in the manifest's order.
    """

    images: int
    folds: int
    accuracy: float
    issues: list[dict[str, Any]]
    scores: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """Returns the object that the audit's JSON has under ``label_issues``: all but the scores of all images."""
        return {"model": QUICK_MODEL, **{key: value for key, value in asdict(self).items() if key != "scores"}}


def find_label_issues(
    manifest: pd.DataFrame, *, folds: int = 5, seed: int = 0, show_progress: bool = True
) -> LabelIssues:
    """Ranks the images whose label a quick model doubts.

    Extremely randomised trees on 32x32 grey thumbnails predict each image from images of other groups (scikit-learn's
    ``StratifiedGroupKFold``). cleanlab ranks the labels by the probability of the given label, less what is usual for
    its class, and decides which are issues (confident learning: Northcutt, Jiang, Chuang, Journal of Artificial
    Intelligence Research 70, 2021). A suspicion is no proof: a rare picture with the right label is suspicious too.

    Args:
        manifest: one row an image; groups are made where they are missing.
        folds: at most; no more than the class with the fewest groups has groups.
        seed: of the folds and the trees.
        show_progress: a progress bar.

    Raises:
        DatasetError: cleanlab is not installed; the text says how to install it.
        SplitError: there is one class alone, or a class has fewer than two groups.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from braintumor_tf.datasets import scan, write_synthetic
        >>> with TemporaryDirectory() as folder:
        ...     _ = write_synthetic(f"{folder}/set", patients_per_class=3, slices_per_patient=1, image_size=64)
        ...     found = find_label_issues(scan(f"{folder}/set").manifest, folds=2, show_progress=False)
        >>> found.images == len(found.scores)
        True
    """
    require_cleanlab()
    from cleanlab.filter import find_label_issues as filter_issues
    from cleanlab.rank import get_label_quality_scores

    if (manifest["group"] == "").any():
        manifest = group(manifest, show_progress=show_progress)
    classes, given = np.unique(manifest["label"], return_inverse=True)
    folds = min(folds, _fewest_groups(manifest))
    probabilities = _out_of_fold(manifest, given, folds, seed, show_progress)
    scores = get_label_quality_scores(given, probabilities, adjust_pred_probs=True)
    flagged = np.flatnonzero(filter_issues(given, probabilities, n_jobs=1))
    rows = manifest.assign(
        suggested=classes[probabilities.argmax(axis=1)],
        score=scores,
        **{name: "" for name in ("origin", "origin_label") if name not in manifest},
    ).iloc[flagged[np.argsort(scores[flagged], kind="stable")]]
    columns = ["path", "label", "suggested", "score", "split", "origin", "origin_label"]
    return LabelIssues(
        images=len(manifest),
        folds=folds,
        accuracy=float((probabilities.argmax(axis=1) == given).mean()),
        issues=rows[columns].to_dict("records"),
        scores=scores,
    )


def require_cleanlab() -> None:
    """Raises an error that says how to install cleanlab, if it is not there.

    Raises:
        DatasetError: cleanlab is not installed.
    """
    if importlib.util.find_spec("cleanlab") is None:
        raise DatasetError('suspicious labels need cleanlab; install it with: pip install "braintumor_tf[labels]"')


def _fewest_groups(manifest: pd.DataFrame) -> int:
    groups = manifest.groupby("label")["group"].nunique()
    if len(groups) < 2:
        raise SplitError(f"suspicious labels need two classes; there is only {groups.index[0]}: add another class")
    if groups.min() < 2:
        raise SplitError(
            f"class {groups.idxmin()} has one group of look-alikes or one patient; suspicious labels need two of each "
            "class: add images, or leave the class out"
        )
    return int(groups.min())


def _out_of_fold(manifest: pd.DataFrame, given: np.ndarray, folds: int, seed: int, show_progress: bool) -> np.ndarray:
    """Probabilities of each class, float64 of shape ``(images, classes)``, from models that never saw the group."""
    features = thumbnail_features(manifest)
    probabilities = np.zeros((len(manifest), given.max() + 1))
    parts = StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(features, given, manifest["group"])
    for training, held_out in progress_bar(parts, "Doubting labels", total=folds, show=show_progress):
        # one thread: with several, scikit-learn now and then loses Python's warning filters, and warns for each tree
        model = ExtraTreesClassifier(TREES, class_weight="balanced", random_state=seed)
        model.fit(features[training], given[training])
        probabilities[np.ix_(held_out, model.classes_)] = model.predict_proba(features[held_out])
    return probabilities
