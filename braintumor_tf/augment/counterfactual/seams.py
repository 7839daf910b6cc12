"""Whether a detector of seams can tell counterfactual pictures from controls: a way around the lesion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from braintumor_tf.augment.counterfactual.heads import find_head
from braintumor_tf.augment.counterfactual.pairs import PASTED, PATCHED, PLAIN, REFILLED, REMOVED
from braintumor_tf.datasets.reading import read_image
from braintumor_tf.errors import DatasetError

_SIGMAS = (0.7, 1.5, 3.0)
_QUANTILES = (0.5, 2, 10, 50, 90, 98, 99.5)


@dataclass(frozen=True, kw_only=True)
class SeamCheck:
    """What a detector of seams finds; the areas under the ROC curve are 0.5 where it guesses.

    The detector is trained on controls against untouched pictures, so it knows nothing but seams.

    Attributes:
        detects: area under the curve of controls against untouched pictures, for heads that it was not trained on.
        separates: of counterfactual pictures against controls, by the same scores. Far from 0.5, a network could tell
            the label by the seam.
        pictures: how many were scored.
    """

    detects: float
    separates: float
    pictures: int

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields."""
        return asdict(self)


def seam_features(image: np.ndarray) -> np.ndarray:
    """Returns what a seam would change: quantiles of the strength of grain over the head, at three scales.

    Args:
        image: uint8, shape ``(height, width)``.

    Returns:
        float32, shape ``(21,)``: logarithms.
    """
    head, pixels = find_head(image), image.astype(np.float32)
    found = []
    for sigma in _SIGMAS:
        grain = pixels - cv2.GaussianBlur(pixels, (0, 0), sigma)
        strength = np.sqrt(cv2.GaussianBlur(grain**2, (0, 0), 2 * sigma))
        found += [np.log(np.percentile(strength[head], _QUANTILES) + 0.05)]
    return np.concatenate(found).astype(np.float32)


def check_seams(pairs: pd.DataFrame, *, folds: int = 5, seed: int = 0) -> SeamCheck:
    """Trains a detector of seams and asks whether it tells counterfactual pictures from controls.

    Each picture is scored by a logistic regression that has not seen its head.

    Args:
        pairs: `CounterfactualPairs.manifest`.
        folds: of the cross-validation over heads.
        seed: of the folds.

    Raises:
        DatasetError: there are no controls or no untouched pictures, or too few heads.
        ImageReadError: a picture cannot be read.

    Example:
        >>> check_seams(made.manifest).separates  # doctest: +SKIP
        0.52
    """
    edits, bases = pairs["edit"].to_numpy(), pairs["base"].to_numpy()
    control, plain = np.isin(edits, (REFILLED, PATCHED)), edits == PLAIN
    if len(set(bases)) < folds or min(control.sum(), plain.sum()) < folds:
        raise DatasetError(f"too few controls or untouched pictures for {folds} folds; make more pairs")
    features = np.stack([seam_features(read_image(path)) for path in pairs["path"]])
    scores = _scores(features, control, control | plain, bases, folds, seed)
    changed = np.isin(edits, (REMOVED, PASTED))
    return SeamCheck(
        detects=float(roc_auc_score(control[control | plain], scores[control | plain])),
        separates=float(roc_auc_score(changed[control | changed], scores[control | changed])),
        pictures=len(pairs),
    )


def _scores(
    features: np.ndarray, seamed: np.ndarray, learned: np.ndarray, heads: Sequence[str], folds: int, seed: int
) -> np.ndarray:
    """Returns the detector's score of each picture, by a detector that was trained on other heads."""
    scores = np.zeros(len(features))
    for train, test in GroupKFold(folds, shuffle=True, random_state=seed).split(features, seamed, heads):
        train = train[learned[train]]
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
        scores[test] = model.fit(features[train], seamed[train]).decision_function(features[test])
    return scores
