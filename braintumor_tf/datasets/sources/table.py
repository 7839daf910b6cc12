"""The declared sources: what is known about each public data set, as one table."""

from __future__ import annotations

from dataclasses import dataclass

from braintumor_tf.datasets.labels import NO_TUMOR, TUMOR
from braintumor_tf.errors import DatasetError

KAGGLE = "kaggle"
FIGSHARE = "figshare"
_UNKNOWN_LICENCE = "unknown; see the page"


@dataclass(frozen=True)
class Part:
    """One class folder of a source.

    Attributes:
        folder: its path below the data set's folder, such as ``"Training/glioma_tumor"``; ``*`` is any one folder.
        split: ``"train"`` or ``"test"``, "" where the source has no split.
        label: the canonical label.
        images: the expected number of images.
    """

    folder: str
    split: str
    label: str
    images: int


@dataclass(frozen=True)
class Source:
    """A public data set.

    Attributes:
        name: the short name.
        host: ``"kaggle"`` or ``"figshare"``.
        handle: the host's name for it: ``owner/slug`` or an article number.
        title: the host's title.
        url: its page.
        licence: the licence, with who says so where it is not the page itself.
        parts: its class folders with their expected counts.
        root: the folder of the archive that holds the parts, "" for the top.
        ignore: other folders below the root that hold no labelled images.
        patients: True if it says which patient an image comes from.
        version: the version that the counts describe, "" where the host keeps only one.
        faults: what is known to be wrong with it, one sentence each.
    """

    name: str
    host: str
    handle: str
    title: str
    url: str
    licence: str
    parts: tuple[Part, ...]
    root: str = ""
    ignore: tuple[str, ...] = ()
    patients: bool = False
    version: str = ""
    faults: tuple[str, ...] = ()

    @property
    def images(self) -> int:
        """The expected number of images."""
        return sum(part.images for part in self.parts)

    @property
    def classes(self) -> tuple[str, ...]:
        """The canonical labels, in the order of the parts."""
        return tuple(dict.fromkeys(part.label for part in self.parts))

    @property
    def folders(self) -> dict[str, str]:
        """The canonical label of each class folder's own name, such as ``{"glioma_tumor": "glioma"}``."""
        return {part.folder.rpartition("/")[2]: part.label for part in self.parts}

    def counts(self) -> dict[str, dict[str, int]]:
        """Returns the expected number of images by split and label."""
        counts: dict[str, dict[str, int]] = {}
        for part in self.parts:
            counts.setdefault(part.split, {})[part.label] = part.images
        return counts


def _kaggle(handle: str) -> dict[str, str]:
    return {"host": KAGGLE, "handle": handle, "url": f"https://www.kaggle.com/datasets/{handle}"}


_NO_PATIENTS = "It does not say which patient an image comes from."

SOURCES: tuple[Source, ...] = (
    Source(
        name="sartaj",
        title="Brain Tumor Classification (MRI)",
        **_kaggle("sartajbhuvaji/brain-tumor-classification-mri"),
        licence="MIT (so its author's copy on Hugging Face); see the page",
        parts=(
            Part("Training/glioma_tumor", "train", "glioma", 826),
            Part("Training/meningioma_tumor", "train", "meningioma", 822),
            Part("Training/no_tumor", "train", NO_TUMOR, 395),
            Part("Training/pituitary_tumor", "train", "pituitary", 827),
            Part("Testing/glioma_tumor", "test", "glioma", 100),
            Part("Testing/meningioma_tumor", "test", "meningioma", 115),
            Part("Testing/no_tumor", "test", NO_TUMOR, 105),
            Part("Testing/pituitary_tumor", "test", "pituitary", 74),
        ),
        faults=(
            "251 of its 394 test images are pixel for pixel in its training set (88 byte for byte).",
            "Without these copies its test set has no no_tumor image left, so it cannot serve as a test set.",
            "Two test images of glioma are training images of meningioma.",
            "Its glioma labels are in doubt: the maker of masoud replaced them.",
            _NO_PATIENTS,
        ),
    ),
    Source(
        name="masoud",
        title="Brain Tumor MRI Dataset",
        **_kaggle("masoudnickparvar/brain-tumor-mri-dataset"),
        licence="CC0 1.0 (so users of it); see the page",
        version="1",
        parts=(
            Part("Training/glioma", "train", "glioma", 1321),
            Part("Training/meningioma", "train", "meningioma", 1339),
            Part("Training/notumor", "train", NO_TUMOR, 1595),
            Part("Training/pituitary", "train", "pituitary", 1457),
            Part("Testing/glioma", "test", "glioma", 300),
            Part("Testing/meningioma", "test", "meningioma", 306),
            Part("Testing/notumor", "test", NO_TUMOR, 405),
            Part("Testing/pituitary", "test", "pituitary", 300),
        ),
        faults=(
            "It merges sartaj, br35h and figshare, so it is no independent test of a model trained on one of them.",
            "216 of its 1311 test images are pixel for pixel in its training set (103 byte for byte).",
            "File metadata alone tells tumour from none in 94.7 % of the test images: the classes differ in source.",
            "Kaggle serves later versions with other counts; version 1 is described here and fetched.",
            _NO_PATIENTS,
        ),
    ),
    Source(
        name="navoneel",
        title="Brain MRI Images for Brain Tumor Detection",
        **_kaggle("navoneel/brain-mri-images-for-brain-tumor-detection"),
        licence=_UNKNOWN_LICENCE,
        root="brain_tumor_dataset",
        parts=(Part("yes", "", TUMOR, 155), Part("no", "", NO_TUMOR, 98)),
        ignore=("brain_tumor_dataset",),
        faults=(
            "The archive holds every image twice: at its top and again in the folder brain_tumor_dataset.",
            "25 of its 253 images are copies of another.",
            "Sizes, crops and sequences differ much: the images were gathered from the web.",
            _NO_PATIENTS,
        ),
    ),
    Source(
        name="br35h",
        title="Br35H :: Brain Tumor Detection 2020",
        **_kaggle("ahmedhamada0/brain-tumor-detection"),
        licence=_UNKNOWN_LICENCE,
        parts=(Part("yes", "", TUMOR, 1500), Part("no", "", NO_TUMOR, 1500)),
        ignore=("pred", "Br35H-Mask-RCNN"),
        faults=(
            "Its folder pred (60 images) has no labels, and Br35H-Mask-RCNN repeats tumour images with outlines.",
            "masoud takes its no_tumor images from it.",
            _NO_PATIENTS,
        ),
    ),
    Source(
        name="abhranta",
        title="Brain_Tumor_Detection_MRI",
        **_kaggle("abhranta/brain-tumor-detection-mri"),
        licence=_UNKNOWN_LICENCE,
        root="Brain_Tumor_Detection",
        parts=(Part("yes", "", TUMOR, 1500), Part("no", "", NO_TUMOR, 1500)),
        ignore=("pred",),
        faults=(
            "It has the folders and the counts of br35h, so take it for a copy until an audit shows otherwise.",
            "Its folder pred (60 images) has no labels.",
            _NO_PATIENTS,
        ),
    ),
    Source(
        name="breast_histopathology",
        title="Breast Histopathology Images",
        **_kaggle("paultimothymooney/breast-histopathology-images"),
        licence=_UNKNOWN_LICENCE,
        root="IDC_regular_ps50_idx5",
        parts=(Part("*/0", "", "no_idc", 198_738), Part("*/1", "", "idc", 78_786)),
        ignore=("IDC_regular_ps50_idx5",),
        patients=True,
        faults=(
            "It shows breast tissue under the microscope, not brains: use it to test methods only.",
            "The archive holds every image twice: at its top and again in the folder IDC_regular_ps50_idx5.",
            "Its patches of 50 x 50 pixels are neighbours on few slides: split by patient, the folder above the class.",
        ),
    ),
    Source(
        name="figshare",
        title="brain tumor dataset (Jun Cheng)",
        host=FIGSHARE,
        handle="1512427",
        url="https://figshare.com/articles/dataset/brain_tumor_dataset/1512427",
        licence="CC BY 4.0 (so users of it); see the page",
        parts=(
            Part("meningioma", "", "meningioma", 708),
            Part("glioma", "", "glioma", 1426),
            Part("pituitary", "", "pituitary", 930),
        ),
        patients=True,
        faults=(
            "It has no image without a tumour.",
            "Its 3064 slices have 233 ids, many neighbouring slices each: split by patient.",
            "Letters at the end of an id tell visits, so these are 209 patients.",
        ),
    ),
)
"""Every declared source."""


def get_source(name: str) -> Source:
    """Returns a declared source by its short name.

    Raises:
        DatasetError: no source has that name; the text lists those there are.
    """
    for source in SOURCES:
        if source.name == name.strip().lower():
            return source
    raise DatasetError(
        f"{name}: no such data set; the declared ones are {', '.join(source.name for source in SOURCES)}"
    )
