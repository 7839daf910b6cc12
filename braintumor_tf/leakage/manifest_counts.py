"""What is counted in a manifest: images by class, split and size, duplicates by fingerprint, label conflicts."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from braintumor_tf.leakage.groups import near_duplicate_in_training

FINGERPRINTS = {"md5": "md5", "pixels": "pixel_hash", "picture": "picture", "near": "group"}
"""The audit's fingerprints, strict to wide, and the column that holds each."""

FINGERPRINT_NAMES = {
    "md5": "same bytes",
    "pixels": "same grey pixels",
    "picture": "same picture",
    "near": "look-alikes",
}
"""What the fingerprints are called in text."""


_ONE_LEVEL = ("0" * 16, "8" + "0" * 15)


@dataclass(frozen=True, kw_only=True)
class DuplicateCounts:
    """How many images one fingerprint finds twice.

    Attributes:
        redundant_files: images less different fingerprints.
        within_split: images whose fingerprint occurs again, in their own split alone.
        across_splits: images whose fingerprint occurs in several splits.
        across_classes: images whose fingerprint occurs under several labels.
        test_in_training: test images whose fingerprint a training image has.
        test_share: their share of the test images, 0..1; None without test images.
    """

    redundant_files: int
    within_split: int
    across_splits: int
    across_classes: int
    test_in_training: int
    test_share: float | None

    def to_dict(self) -> dict[str, Any]:
        """Returns the counts as the audit's JSON has them, ``test_in_training`` as ``test_with_train_twin``."""
        names = {"test_in_training": "test_with_train_twin"}
        return {names.get(name, name): value for name, value in asdict(self).items()}


def count_duplicates(manifest: pd.DataFrame, column: str) -> DuplicateCounts:
    """Counts what a fingerprint finds twice.

    Args:
        manifest: with its splits; every image has the fingerprint.
        column: the one that holds it, such as those of `FINGERPRINTS`.

    Example:
        >>> manifest = pd.DataFrame({"path": list("abcd"), "split": ["train", "train", "test", "test"],
        ...                          "label": "glioma", "md5": ["1", "2", "2", "3"]})
        >>> count_duplicates(manifest, "md5").test_share
        0.5
    """
    by_value = manifest.groupby(column)
    several = by_value["path"].transform("size") > 1
    across_splits = by_value["split"].transform("nunique") > 1
    test = manifest[manifest["split"] == "test"]
    in_training = int(near_duplicate_in_training(test, manifest, column=column).sum())
    return DuplicateCounts(
        redundant_files=len(manifest) - manifest[column].nunique(),
        within_split=int((several & ~across_splits).sum()),
        across_splits=int(across_splits.sum()),
        across_classes=int((by_value["label"].transform("nunique") > 1).sum()),
        test_in_training=in_training,
        test_share=in_training / len(test) if len(test) else None,
    )


def label_conflicts(manifest: pd.DataFrame) -> list[list[str]]:
    """Returns, for each picture that is filed under several labels, the paths of all its files.

    Args:
        manifest: with the column ``picture`` of same pictures, such as `group` makes at a correlation of
            `matching.SAME_PICTURE`.

    Example:
        >>> manifest = pd.DataFrame({"path": ["a.png", "b.png"], "label": ["glioma", "pituitary"], "picture": "1"})
        >>> label_conflicts(manifest)
        [['a.png', 'b.png']]
    """
    labels = manifest.groupby("picture")["label"].transform("nunique")
    return sorted(sorted(paths) for _, paths in manifest[labels > 1].groupby("picture")["path"])


def filed_twice(manifest: pd.DataFrame) -> pd.Series:
    """Tells which images show, grey pixel for grey pixel, a picture that is filed under another label too."""
    known = manifest["pixel_hash"] != ""
    labels = manifest[known].groupby("pixel_hash")["label"].transform("nunique")
    return (labels > 1).reindex(manifest.index, fill_value=False)


def of_one_level(manifest: pd.DataFrame) -> pd.Series:
    """Tells which images have one grey level all over, such as black ones, whatever their size.

    The perceptual hash of such an image has no bit but that of the mean, since all its other frequencies are 0.
    """
    return manifest["phash"].isin(_ONE_LEVEL)


def picture_faults(manifest: pd.DataFrame, *, least: float = 0.0) -> list[str]:
    """Says in sentences which images no model can learn from: filed under two classes, or of one grey level.

    Args:
        manifest: with ``label``, ``pixel_hash`` and ``phash``.
        least: the share of all images, 0..1, from which such images are worth a sentence.

    Example:
        >>> manifest = pd.DataFrame({"label": ["glioma", "no_tumor"], "pixel_hash": "1", "phash": "0" * 16})
        >>> for sentence in picture_faults(manifest):
        ...     print(sentence)
        2 of 2 images are filed under two classes, pixel for pixel: of each such picture one label at least is wrong.
        2 of 2 images have one grey level all over, such as black: nothing can be learned from them.
    """
    faults = {
        "are filed under two classes, pixel for pixel: of each such picture one label at least is wrong": filed_twice,
        "have one grey level all over, such as black: nothing can be learned from them": of_one_level,
    }
    counts = {text: int(find(manifest).sum()) for text, find in faults.items()}
    return [
        f"{count:,} of {len(manifest):,} images {text}."
        for text, count in counts.items()
        if count and count >= least * len(manifest)
    ]


def class_table(manifest: pd.DataFrame) -> pd.DataFrame:
    """Returns the number of images of each class (columns) in each split (rows; ``all`` where there is none).

    Example:
        >>> class_table(pd.DataFrame({"split": "", "label": ["glioma", "glioma", "no_tumor"]})).loc["all"].to_dict()
        {'glioma': 2, 'no_tumor': 1}
    """
    split = manifest["split"].replace("", "all").rename("split")
    return pd.crosstab(split, manifest["label"]).rename_axis(columns=None)


def size_table(manifest: pd.DataFrame, *, rows: int = 10) -> pd.DataFrame:
    """Returns the most frequent picture sizes.

    Args:
        manifest: one row an image.
        rows: how many sizes.

    Returns:
        ``width`` and ``height`` in pixels, ``images``, ``share`` (0..1), and ``classes``, those that have them.
    """
    by_size = manifest.groupby(["width", "height"])
    table = by_size.size().rename("images").reset_index()
    table["share"] = table["images"] / len(manifest)
    table["classes"] = by_size["label"].agg(lambda labels: ", ".join(sorted(set(labels)))).to_numpy()
    return table.sort_values(["images", "width"], ascending=[False, True]).head(rows).reset_index(drop=True)
