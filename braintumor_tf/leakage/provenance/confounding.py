"""Whether class and origin go together, so that a score may be about the place and not about the tumour."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

CONFOUNDED = 0.75
"""The balanced accuracy of naming a class by the origin alone from which class and origin are confounded."""


@dataclass(frozen=True, kw_only=True)
class ClassOrigin:
    """How well the origin alone tells one class from all others.

    Attributes:
        label: the class.
        images: of the class.
        others: images of the other classes.
        balanced_accuracy: of the best guess from the origin alone, 0..1; guessing is 0.5.
        origin: the one whose share differs most between the class and the others.
        share: images of the class that are from it, 0..1.
        share_of_others: images of the other classes that are from it, 0..1.
    """

    label: str
    images: int
    others: int
    balanced_accuracy: float
    origin: str
    share: float
    share_of_others: float

    @property
    def confounded(self) -> bool:
        """Whether the guess is right in `CONFOUNDED` or more."""
        return self.balanced_accuracy >= CONFOUNDED

    @property
    def gap(self) -> float:
        """How far the two shares of `origin` lie apart, 0..1."""
        return abs(self.share - self.share_of_others)

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields, and `confounded`."""
        return {**asdict(self), "confounded": self.confounded}


def class_origins(manifest: pd.DataFrame, origins: pd.Series, groups: pd.Series | None = None) -> list[ClassOrigin]:
    """Measures for each class how well the origin alone tells it from the others.

    An image is guessed to be of the class if the class has a larger share of its images from this image's origin than
    the others have. This is the Bayes rule for two equally frequent classes (Devroye, Györfi, Lugosi: A Probabilistic
    Theory of Pattern Recognition, 1996, chapter 2). The guess is made without the image's own group, so that an origin
    with one group, such as one patient, tells nothing. An even guess counts as half right. The balanced accuracy is the
    mean of the shares of right guesses in the class and in the others, so frequent classes weigh no more.

    Args:
        manifest: with the column ``label``.
        origins: the origin of each image, "unknown" being one of them, with the manifest's index.
        groups: images that belong together; each image is on its own by default.

    Returns:
        One result for each class, in alphabetical order; none where there is one class alone.

    Example:
        >>> manifest = pd.DataFrame({"label": ["glioma"] * 4 + ["no_tumor"] * 4})
        >>> origins = pd.Series(["figshare"] * 4 + ["br35h"] * 4)
        >>> class_origins(manifest, origins)[0].balanced_accuracy
        1.0
    """
    labels = manifest["label"]
    groups = pd.Series(np.arange(len(labels)), index=labels.index) if groups is None else groups
    if labels.nunique() < 2:
        return []
    return [_class_origin(str(label), labels == label, origins, groups) for label in sorted(set(labels))]


def _class_origin(label: str, inside: pd.Series, origins: pd.Series, groups: pd.Series) -> ClassOrigin:
    def share_elsewhere(members: pd.Series) -> pd.Series:
        """For each image, the share of members outside its group that are from its origin; 0 without a member."""
        members = members.astype(float)
        here = members.groupby(origins).transform("sum") - members.groupby([groups, origins]).transform("sum")
        return (here / (members.sum() - members.groupby(groups).transform("sum"))).fillna(0)

    lead = np.sign(share_elsewhere(inside) - share_elsewhere(~inside))
    right = 0.5 + 0.5 * lead * np.where(inside, 1, -1)
    shares = pd.crosstab(origins, inside, normalize="columns")
    origin = (shares[True] - shares[False]).abs().idxmax()
    return ClassOrigin(
        label=label,
        images=int(inside.sum()),
        others=int((~inside).sum()),
        balanced_accuracy=float((right[inside].mean() + right[~inside].mean()) / 2),
        origin=str(origin),
        share=float(shares.loc[origin, True]),
        share_of_others=float(shares.loc[origin, False]),
    )
