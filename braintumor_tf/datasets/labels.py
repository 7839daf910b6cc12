"""One spelling of every label and split name, over all sources."""

from __future__ import annotations

import difflib
import re

import pandas as pd

from braintumor_tf.errors import DatasetError

NO_TUMOR = "no_tumor"
TUMOR = "tumor"
CLASSES = ("glioma", "meningioma", NO_TUMOR, "pituitary")
"""The four-class task, in the order of every probability column."""

BINARY_CLASSES = (NO_TUMOR, TUMOR)
"""The two-class task, in the order of every probability column."""

MRI, HISTOPATHOLOGY = "mri", "histopathology"
MODALITIES = (HISTOPATHOLOGY, MRI)
"""The task that tells MRI slices from histopathology patches, in the order of every probability column."""

_LABELS = {
    "glioma": ("glioma", "glioma_tumor", "glioma_tumour", "gliomas", "gl"),
    "meningioma": ("meningioma", "meningioma_tumor", "meningioma_tumour", "meningiomas", "me"),
    "pituitary": ("pituitary", "pituitary_tumor", "pituitary_tumour", "pituitary_adenoma", "pi"),
    NO_TUMOR: ("no_tumor", "no_tumour", "notumor", "notumour", "no", "none", "normal", "healthy", "negative"),
    TUMOR: ("tumor", "tumour", "tumors", "tumours", "yes", "positive", "brain_tumor", "brain_tumour"),
}
_SPLITS = {
    "train": ("train", "training"),
    "validation": ("validation", "validate", "val", "valid", "dev"),
    "test": ("test", "testing"),
}
_LABEL_OF = {spelling: label for label, spellings in _LABELS.items() for spelling in spellings}
_SPLIT_OF = {spelling: split for split, spellings in _SPLITS.items() for spelling in spellings}
_FILLERS = ("set", "data", "dataset", "images", "image", "imgs", "img", "split", "folder")
"""Words that may stand beside a split's name: ``train_data``, ``testset``, ``images_val``."""

_HOLDOUTS = ("eval", "evaluation", "evaluate", "holdout", "trainval", "traintest")
"""Words that mean a split, but do not say which one."""

_NEAR, _SHORTEST = 0.82, 5

NO_CLASSES = {
    "masks": (
        *("mask", "masks", "segmentation", "segmentations", "seg", "annotation", "annotations", "label", "labels"),
        *("ground_truth", "groundtruth", "gt", "roi", "rois", "contours", "overlay", "overlays", "heatmaps"),
    ),
    "pictures without a class": (
        *("pred", "preds", "predict", "prediction", "predictions", "inference", "unlabeled", "unlabelled"),
        *("unknown", "unclassified", "unsorted"),
    ),
    "pictures": ("image", "images", "img", "imgs", "picture", "pictures", "photos", "jpegimages", "jpg", "png"),
}
"""What folders of these names hold, by what they hold; none of the names is a class."""

_HOLDS = {name: what for what, names in NO_CLASSES.items() for name in names}


def _normal(name: str) -> str:
    return re.sub(r"[\s\-]+", "_", name.strip()).lower()


def canonical_label(name: str) -> str | None:
    """Returns the canonical label of a folder or label name, None if unknown.

    Example:
        >>> canonical_label("Glioma_Tumor")
        'glioma'
    """
    return _LABEL_OF.get(_normal(name))


def plain_label(name: str) -> str:
    """Returns the canonical label, or for a class that is not known here its name in lower case with underscores."""
    return canonical_label(name) or _normal(name)


def canonical_split(name: str) -> str | None:
    """Returns ``train``, ``validation`` or ``test`` for the usual spellings of a split's name.

    None for any other name.

    Example:
        >>> canonical_split("Training"), canonical_split("test_data"), canonical_split("train_2")
        ('train', 'test', None)
    """
    words = [word for word in _normal(name).split("_") if word not in _FILLERS]
    if len(words) != 1:
        return None
    for filler in _FILLERS:
        if words[0] not in _SPLIT_OF and words[0].removesuffix(filler) in _SPLIT_OF:
            return _SPLIT_OF[words[0].removesuffix(filler)]
    return _SPLIT_OF.get(words[0])


def resembles_split(name: str) -> bool:
    """Whether a name has a split's word in it and yet does not name one split, such as ``train_2`` or ``eval``."""
    words = re.findall(r"[a-z]+", _normal(name))
    known = canonical_split(name) or canonical_label(name)
    return not known and any(canonical_split(word) or word in _HOLDOUTS for word in words)


def nearest_spelling(name: str) -> str | None:
    """Returns the spelling of a label that an unknown name nearly is, None where there is none.

    Example:
        >>> nearest_spelling("giloma_tumor"), nearest_spelling("cats")
        ('glioma_tumor', None)
    """
    spellings = [spelling for spelling in _LABEL_OF if len(spelling) >= _SHORTEST]
    found = difflib.get_close_matches(_normal(name), spellings, n=1, cutoff=_NEAR)
    return found[0] if found and canonical_label(name) is None else None


def held_by(name: str) -> str | None:
    """Returns what a folder holds whose name is known to be no class: a key of `NO_CLASSES`, else None.

    Example:
        >>> held_by("Tumor_Masks"), held_by("pred"), held_by("glioma")
        ('masks', 'pictures without a class', None)
    """
    name = _normal(name)
    if canonical_label(name) is None and set(name.split("_")) & {"mask", "masks", "segmentation", "annotations"}:
        return "masks"
    return _HOLDS.get(name)


def to_binary(manifest: pd.DataFrame) -> pd.DataFrame:
    """Returns a copy of a manifest with the labels ``tumor`` and ``no_tumor`` in place of tumour types.

    Raises:
        DatasetError: there is another class than those of `CLASSES` and `BINARY_CLASSES`, of which nothing says
            whether it is a tumour.

    Example:
        >>> to_binary(pd.DataFrame({"label": ["glioma", "no_tumor"]}))["label"].tolist()
        ['tumor', 'no_tumor']
    """
    strange = sorted(set(manifest["label"]) - {*CLASSES, *BINARY_CLASSES})
    if strange:
        raise DatasetError(
            f"the class {strange[0] or 'without a name'} is not known to be a tumour or none; name it {TUMOR} or "
            f"{NO_TUMOR}, or leave it out (--ignore)"
        )
    return manifest.assign(label=manifest["label"].where(manifest["label"] == NO_TUMOR, TUMOR))
