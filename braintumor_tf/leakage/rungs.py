"""The rungs of the leak ladder: the same images, split image by image, by near-duplicates, and by patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import pandas as pd

from braintumor_tf.identity.people import persons
from braintumor_tf.leakage.groups import group, near_duplicate_in_training
from braintumor_tf.leakage.splits import split
from braintumor_tf.matching.fingerprints import near_pairs

RANDOM, LOOK_ALIKE, PATIENT_RUNG = "random", "look-alike", "patient"
RUNGS = (RANDOM, LOOK_ALIKE, PATIENT_RUNG)
"""The ways to make groups, from the one that leaks most to the one that leaks least."""


@dataclass(frozen=True, kw_only=True)
class SplitLeaks:
    """What the test images of a split share with its training images.

    Attributes:
        images: test images.
        groups: groups of near-duplicates and patients that they are of.
        near_duplicates: test images with a near-duplicate in training.
        known_patients: test images whose patient is known.
        same_patient: test images whose patient is known and in training.
    """

    images: int
    groups: int
    near_duplicates: int
    known_patients: int
    same_patient: int

    def to_dict(self) -> dict[str, int]:
        """Returns the counts by name."""
        return asdict(self)


def rung_splits(
    manifest: pd.DataFrame,
    *,
    seed: int = 0,
    fractions: Sequence[float] = (0.7, 0.15, 0.15),
    pairs: pd.DataFrame | None = None,
    show_progress: bool = True,
) -> tuple[dict[str, pd.DataFrame], dict[str, SplitLeaks]]:
    """Splits the same images in the three ways of the leak ladder, with the same seed.

    Args:
        manifest: one row an image; its groups and splits are made anew.
        seed: of the random order.
        fractions: of train, validation and test.
        pairs: the result of `matching.near_pairs`, where it is known already.
        show_progress: a progress bar where thumbnails must be read again.

    Returns:
        For each rung of `RUNGS` the split manifest, and what its test images share with training. The column `group`
        holds near-duplicates and patients together on every rung, because that is what an interval must resample; what
        differs is which of it the split keeps whole. Where patients join no groups of near-duplicates, the last two
        splits are the same.

    Raises:
        SplitError: too few groups of a class.

    Example:
        >>> manifest = pd.DataFrame({"path": [f"{n}.png" for n in range(60)], "label": "glioma", "source": "mine"})
        >>> manifest["pixel_hash"] = [f"{n:010}" for n in range(60)]
        >>> manifest["patient"] = [str(n // 5) for n in range(60)]  # twelve patients, no look-alikes
        >>> none = pd.DataFrame({"first": [], "second": []}, dtype=int)
        >>> splits, leaks = rung_splits(manifest, pairs=none)
        >>> [leaks[rung].same_patient for rung in ("random", "look-alike", "patient")]
        [9, 9, 0]
    """
    pairs = near_pairs(manifest, show_progress=show_progress) if pairs is None else pairs
    alike, whole = (group(manifest, pairs=pairs, patients=patients) for patients in (False, True))
    how = {"seed": seed, "fractions": fractions}
    by_patient = split(whole, "grouped", **how)
    by_looks = by_patient if _same_parts(alike, whole) else split(alike, "grouped", patients=False, **how)
    splits = {
        RANDOM: split(whole, "random", **how),
        LOOK_ALIKE: whole.assign(split=by_looks["split"]),
        PATIENT_RUNG: by_patient,
    }
    return splits, {rung: count_leaks(each, look_alikes=alike["group"]) for rung, each in splits.items()}


def _same_parts(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Whether two groupings of the same images put together the same ones, whatever the groups are called."""
    both = pd.DataFrame({"one": one["group"], "other": other["group"]}).drop_duplicates()
    return bool(both["one"].is_unique and both["other"].is_unique)


def count_leaks(manifest: pd.DataFrame, *, look_alikes: pd.Series | None = None) -> SplitLeaks:
    """Counts what the test images of a split share with its training images.

    Args:
        manifest: with its groups and splits.
        look_alikes: the group of near-duplicates alone of each image, with the index of `manifest`; None where the
            column `group` holds nothing else.

    Example:
        >>> rows = pd.DataFrame({"split": ["train", "test", "test"], "group": ["a", "a", "b"]})
        >>> count_leaks(rows.assign(patient=["7", "", "7"], source="mine"))
        SplitLeaks(images=2, groups=2, near_duplicates=1, known_patients=1, same_patient=1)
    """
    rows = manifest.assign(
        look_alikes=manifest["group"] if look_alikes is None else look_alikes, person=persons(manifest)
    )
    test = rows[rows["split"] == "test"]
    return SplitLeaks(
        images=len(test),
        groups=int(test["group"].nunique()),
        near_duplicates=int(near_duplicate_in_training(test, rows, column="look_alikes").sum()),
        known_patients=int((test["person"] != "").sum()),
        same_patient=int(near_duplicate_in_training(test, rows, column="person").sum()),
    )
