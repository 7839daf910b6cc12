"""Counterfactual pairs of training images: each head with and without a lesion, equally often."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from braintumor_tf.augment.counterfactual.donors import Donors, appearance
from braintumor_tf.augment.counterfactual.edits import (
    lesion_region,
    paste_lesion,
    paste_patch,
    refill_region,
    remove_lesion,
)
from braintumor_tf.augment.counterfactual.heads import elsewhere, find_head, inner_head
from braintumor_tf.augment.random_streams import stream
from braintumor_tf.augment.worker_threads import available_cores
from braintumor_tf.datasets.content_check import check_contents
from braintumor_tf.datasets.labels import NO_TUMOR
from braintumor_tf.datasets.reading import read_image
from braintumor_tf.errors import DatasetError
from braintumor_tf.identity.lesion_boxes import format_box
from braintumor_tf.identity.lesions import Mask, find_masks, read_mask
from braintumor_tf.identity.lesions.boxes import LesionBox
from braintumor_tf.identity.link_tables import label_contradictions
from braintumor_tf.identity.people import persons, text_column
from braintumor_tf.progress import progress_bar

PLAIN, REMOVED, PASTED, REFILLED, PATCHED = "", "removed", "pasted", "refilled", "patched"
"""What was done to a picture: nothing; a lesion taken out; one put in; and the controls of the two."""

EDITS = (REMOVED, PASTED, REFILLED, PATCHED)

_OF_CONTENT = ("md5", "pixel_hash", "phash")

Row = dict[str, Any]


@dataclass(frozen=True)
class CounterfactualPairs:
    """The training images that pairs were made of, and the pairs.

    Attributes:
        manifest: the pairs: the columns of the manifest, with the paths and labels of what was made, ``lesion_box`` of
            what is seen, ``edit`` (one of `EDITS`, "" for the picture as it is), ``base`` (the path of the picture
            that was changed) and ``donor`` (the path of the picture that a part is from, or "").
        left_out: the training images that no pair could be made of, with the column ``reason``.
    """

    manifest: pd.DataFrame
    left_out: pd.DataFrame

    def to_dict(self) -> dict[str, Any]:
        """Returns how many pictures there are of each kind, and how many images were left out and why."""
        edits = self.manifest["edit"].replace(PLAIN, "as_it_is").value_counts().to_dict()
        return {"pictures": len(self.manifest), **edits, "left_out": self.left_out["reason"].value_counts().to_dict()}


def make_pairs(
    manifest: pd.DataFrame,
    folder: str | Path,
    *,
    pairs: int = 1,
    controls: float = 0.5,
    seed: int = 0,
    show_progress: bool = True,
) -> CounterfactualPairs:
    """Makes counterfactual pairs of the training images: with a lesion and without, equally often for each head.

    A picture whose lesion is known (`find_masks`) is a tumour, and a copy without the lesion is ``no_tumor``. A healthy
    head is ``no_tumor``, and a copy with a lesion of another person is a tumour of that class. So neither the head, nor
    its sequence, nor its source tells the label: only the lesion does. Half the pictures that keep their label
    (`controls`) are changed in the same way elsewhere, so that the change tells little either.

    Training images that no pair can be made of are left out, since they would tell a source's label by the source.
    Everything drawn depends on the seed and the image's content alone. Donors are training images of other people and
    other groups. Validation and test images are neither read nor returned.

    Args:
        manifest: with splits; only its rows ``train`` are used.
        folder: where the pictures are written, as PNG of the size of what they were made of, grey.
        pairs: of each healthy head, each with another donor; a head with a lesion gives one pair.
        controls: share of the pictures that keep their label and are changed elsewhere, 0..1.
        seed: of what is drawn.
        show_progress: whether to show a bar.

    Raises:
        DatasetError: no training image is healthy or has a known lesion, or no pair could be made.
        ImageReadError: an image cannot be read, or is no longer what the manifest describes.

    Example:
        >>> make_pairs(manifest, "pairs").to_dict()["removed"]  # doctest: +SKIP
        2345
    """
    train = manifest[manifest["split"] == "train"].reset_index(drop=True)
    check_contents(train, splits=None, show_progress=show_progress)
    maker = _Maker(train, Path(folder), pairs=pairs, controls=controls, seed=seed)
    maker.folder.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(available_cores()) as pool:
        looks = pool.map(maker.look, range(len(train)))
        looks = np.stack([*progress_bar(looks, "Looking for donors", total=len(train), show=show_progress)])
        maker.find_donors(looks)
        found = pool.map(maker.pairs_of, range(len(train)))
        found = list(progress_bar(found, "Making counterfactual pairs", total=len(train), show=show_progress))
    rows = [row for made in found if not isinstance(made, str) for row in made]
    if not rows:
        raise DatasetError("no counterfactual pair could be made of the training images; leave counterfactuals out")
    reasons = [made if isinstance(made, str) else "" for made in found]
    left = train.assign(reason=reasons)
    return CounterfactualPairs(pd.DataFrame(rows), left[left["reason"] != ""].reset_index(drop=True))


class _Maker:
    """Makes the pairs of one training image after the other, in any order and from several threads."""

    def __init__(self, train: pd.DataFrame, folder: Path, *, pairs: int, controls: float, seed: int):
        self.train, self.folder = train, folder
        self.pairs, self.controls, self.seed = pairs, controls, seed
        self.masks: list[Mask | None] = find_masks(train).tolist()
        self.healthy = ((train["label"] == NO_TUMOR) & ~label_contradictions(train)).to_numpy()
        self.people, self.groups = persons(train).to_numpy(), text_column(train, "group").to_numpy()
        self.keys = [_key(row) for row in train.to_dict("records")]
        if not any(mask is not None for mask in self.masks):
            raise DatasetError(
                "no training image has a known lesion, so no counterfactual pairs can be made; give a column "
                "lesion_box, link the images to published ones, or leave counterfactuals out"
            )

    def look(self, number: int) -> np.ndarray:
        """Returns the appearance of an image."""
        return appearance(self.image(number))

    def find_donors(self, looks: np.ndarray) -> None:
        """Lists the lesions and the healthy heads that parts are taken from, in an order that content alone decides."""
        order = np.argsort(np.array(self.keys, dtype=np.uint64), kind="stable")
        self.looks = looks
        self.lesions = Donors.of(self.train, [row for row in order if self.masks[row] is not None], looks)
        self.heads = Donors.of(self.train, [row for row in order if self.healthy[row]], looks)

    def image(self, number: int) -> np.ndarray:
        """Reads an image, grey."""
        return read_image(self.train["path"].iloc[number])

    def region(self, number: int, shape: tuple[int, ...]) -> np.ndarray:
        """Returns the region of an image's lesion."""
        mask = self.masks[number]
        return lesion_region(mask if isinstance(mask, LesionBox) else read_mask(mask, shape), shape)

    def pairs_of(self, number: int) -> list[Row] | str:
        """Returns the rows of an image's pairs, or why there are none."""
        if self.masks[number] is not None:
            return self._without(number)
        if not self.healthy[number]:
            return "its lesion is not known"
        made = [pair for index in range(self.pairs) for pair in self._with(number, index)]
        return made or "no lesion of another person fits"

    def _without(self, number: int) -> list[Row] | str:
        """Makes the pair of an image with a lesion."""
        image, generator = self.image(number), stream(self.seed, self.keys[number], 0)
        region = self.region(number, image.shape)
        removed = remove_lesion(image, region)
        if removed is None:
            return "no room beside so large a lesion"
        rows = [self._row(number, removed, REMOVED, NO_TUMOR, "")]
        label, box = self.train["label"].iloc[number], _box(self.masks[number], region)
        control = refill_region(image, region, generator) if generator.random() < self.controls else None
        return [*rows, self._row(number, image, PLAIN, label, box) if control is None else
                self._row(number, control[0], REFILLED, label, box)]  # fmt: skip

    def _with(self, number: int, index: int) -> list[Row]:
        """Makes a pair of a healthy head; none where the donor's lesion does not fit."""
        image, generator = self.image(number), stream(self.seed, self.keys[number], 1 + index)
        who = (self.people[number], self.groups[number], self.looks[number])
        donor = self.lesions.draw(*who, generator)
        if donor is None:
            return []
        other = self.image(donor)
        lesion = self.region(donor, other.shape)
        pasted = paste_lesion(image, other, lesion, generator)
        if pasted is None:
            return []
        label = self.train["label"].iloc[donor]
        rows = [self._row(number, pasted[0], PASTED, label, _box(None, pasted[1]), index, donor)]
        controlled = generator.random() < self.controls
        return [*rows, (self._patched(number, index, image, lesion, who, generator) if controlled else None) or
                self._row(number, image, PLAIN, NO_TUMOR, "", index)]  # fmt: skip

    def _patched(
        self, number: int, index: int, image: np.ndarray, lesion: np.ndarray, who: Sequence[Any], generator: Any
    ) -> Row | None:
        """Makes the control of a pasted lesion: a healthy part of the lesion's shape; None where there is none."""
        donor = self.heads.draw(*who, generator)
        if donor is None:
            return None
        other = self.image(donor)
        shape = cv2.resize(lesion.astype(np.uint8), other.shape[::-1], interpolation=cv2.INTER_NEAREST).astype(bool)
        part = elsewhere(shape, inner_head(find_head(other)), generator)
        made = paste_patch(image, other, part, generator)
        return None if made is None else self._row(number, made[0], PATCHED, NO_TUMOR, "", index, donor)

    def _row(
        self, number: int, image: np.ndarray, edit: str, label: str, box: str, index: int = 0, donor: int | None = None
    ) -> Row:
        row = self.train.iloc[number].to_dict()
        path = row["path"] if edit == PLAIN else str(self.folder / f"{number}_{index}_{edit}.png")
        if edit != PLAIN:
            _write(path, image)
            row |= {name: "" for name in _OF_CONTENT if name in row}
        donor_path = "" if donor is None else self.train["path"].iloc[donor]
        return {**row, "path": path, "label": label, "lesion_box": box, "edit": edit, "base": row["path"],
                "donor": donor_path}  # fmt: skip


def _key(row: Row) -> int:
    """Returns a number that an image's content decides, or its path where no hash is known."""
    text = str(row.get("md5") or row["path"])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


def _box(mask: Mask | None, region: np.ndarray) -> str:
    """Returns the box of a lesion as the manifest has it: its own, or that around its region."""
    if isinstance(mask, LesionBox):
        return mask.text
    rows, columns = np.flatnonzero(region.any(1)), np.flatnonzero(region.any(0))
    height, width = region.shape
    low = np.array([columns[0] / width, rows[0] / height])
    high = np.array([(columns[-1] + 1) / width, (rows[-1] + 1) / height])
    return format_box(np.concatenate([(low + high) / 2, high - low]))


def _write(path: str, image: np.ndarray) -> None:
    done, data = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    try:
        if not done:
            raise OSError("no PNG could be made")
        Path(path).write_bytes(data.tobytes())
    except OSError as error:
        raise DatasetError(
            f"{path}: a counterfactual picture cannot be written ({error.strerror or error}); make room for temporary "
            f"files, or set TMPDIR (now {os.path.dirname(path)})"
        ) from error
