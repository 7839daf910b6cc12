"""Patients whose images lie in several splits of a data set."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from braintumor_tf.leakage.groups import near_duplicate_in_training

_SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, kw_only=True)
class SharedPatients:
    """How far a data set's own splits divide patients.

    Attributes:
        patients: different known ones.
        images: with a known patient.
        test_images: test images with a known patient.
        test_in_training: those whose patient has a training image.
        test_share: their share of `test_images`, 0..1; None where there are none.
        crossing: a row for each patient with images both in training and in test: ``patient``, how many are in
            ``train``, ``validation`` and ``test``, and ``test_paths``; most test images first.
    """

    patients: int
    images: int
    test_images: int
    test_in_training: int
    test_share: float | None
    crossing: list[dict[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields, for JSON."""
        return asdict(self)


def find_shared_patients(manifest: pd.DataFrame, people: pd.Series) -> SharedPatients:
    """Looks for patients with images both in training and in test.

    Args:
        manifest: with ``path`` and ``split``, the data set's own.
        people: who is shown in each image, "" where nobody is known, with the manifest's index
            (`braintumor_tf.identity.persons`).

    Example:
        >>> manifest = pd.DataFrame({"path": ["a", "b", "c"], "split": ["train", "test", "test"]})
        >>> found = find_shared_patients(manifest, pd.Series(["figshare:7", "figshare:7", "figshare:8"]))
        >>> found.test_in_training, found.crossing[0]["test_paths"]
        (1, ['b'])
    """
    known = people != ""
    test = known & (manifest["split"] == "test")
    shown = manifest.assign(person=people)
    crosses = test & near_duplicate_in_training(shown, shown, column="person")
    counts = pd.crosstab(people[known], manifest.loc[known, "split"])
    rows = [
        {
            "patient": str(person),
            **{name: int(counts[name].get(person, 0)) if name in counts else 0 for name in _SPLITS},
            "test_paths": sorted(paths),
        }
        for person, paths in manifest.loc[crosses, "path"].groupby(people[crosses])
    ]
    return SharedPatients(
        patients=int(people[known].nunique()),
        images=int(known.sum()),
        test_images=int(test.sum()),
        test_in_training=int(crosses.sum()),
        test_share=float(crosses.sum() / test.sum()) if test.any() else None,
        crossing=sorted(rows, key=lambda row: (-row["test"], row["patient"])),
    )
