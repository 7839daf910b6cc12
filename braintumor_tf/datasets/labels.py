"""One spelling of every label and split name, over all sources."""

from __future__ import annotations

import re

import pandas as pd

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
    TUMOR: ("tumor", "tumour", "yes", "positive", "brain_tumor", "brain_tumour"),
}
_SPLITS = {
    "train": ("train", "training", "train_set", "training_set", "trainset"),
    "validation": ("validation", "val", "valid", "dev", "validation_set"),
    "test": ("test", "testing", "test_set", "testing_set", "testset"),
}
_LABEL_OF = {spelling: label for label, spellings in _LABELS.items() for spelling in spellings}
_SPLIT_OF = {spelling: split for split, spellings in _SPLITS.items() for spelling in spellings}


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
    """
    return _SPLIT_OF.get(_normal(name))


def to_binary(manifest: pd.DataFrame) -> pd.DataFrame:
    """Returns a copy of a manifest with the labels ``tumor`` and ``no_tumor`` in place of tumour types.

    Example:
        >>> to_binary(pd.DataFrame({"label": ["glioma", "no_tumor"]}))["label"].tolist()
        ['tumor', 'no_tumor']
    """
    return manifest.assign(label=manifest["label"].where(manifest["label"] == NO_TUMOR, TUMOR))
