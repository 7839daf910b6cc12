"""Where the images of a data set come from, as one object and in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from braintumor_tf.identity.link_tables import UNKNOWN, origin_table
from braintumor_tf.identity.people import patient_contradictions, persons
from braintumor_tf.leakage.provenance.confounding import CONFOUNDED, ClassOrigin, class_origins
from braintumor_tf.leakage.provenance.origin_labels import contradicted_labels
from braintumor_tf.leakage.provenance.shared_patients import SharedPatients, find_shared_patients

Rows = list[dict[str, Any]]

MAX_KINDS = 6
"""How many kinds of contradicted labels the sentence counts one by one."""


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where the images of a data set come from.

    Attributes:
        linked: whether published pictures were looked for.
        images: how many there are.
        known: how many are a known published picture.
        origins: rows of an ``origin`` (``unknown`` last) and its images of each class.
        classes: for each class, how well the origin alone tells it from the others; empty where no origin is known.
        contradictions: images whose label contradicts their origin's (`contradicted_labels`).
        patients: how far the data set's splits divide patients.
        patient_contradictions: where the data set's own patients and those of the published pictures contradict each
            other (`braintumor_tf.identity.patient_contradictions`).
    """

    linked: bool
    images: int
    known: int
    origins: Rows
    classes: list[ClassOrigin]
    contradictions: Rows
    patients: SharedPatients
    patient_contradictions: Rows

    @property
    def confounded(self) -> bool | None:
        """Whether some class can be told by its origin; None where nothing can be said.

        That is where no origin is known, where there is one class, and where the origins of the classes differ but too
        few groups show it.
        """
        if any(found.confounded for found in self.classes):
            return True
        return None if not self.classes or self.in_doubt else False

    @property
    def in_doubt(self) -> list[ClassOrigin]:
        """The classes that all images together would call confounded, and images of other groups do not."""
        return [row for row in self.classes if not row.confounded and row.gap >= 2 * CONFOUNDED - 1]

    @property
    def sentences(self) -> list[str]:
        """What was found, for people: origins and patients, confounding, contradicted labels and patients."""
        return [_origin_sentence(self), *_confounding_sentences(self), *_contradiction_sentences(self), *_people(self)]

    def to_dict(self) -> dict[str, Any]:
        """Returns the object that the audit's JSON has under ``provenance``."""
        return {
            "linked": self.linked,
            "images": self.images,
            "known": self.known,
            "origins": self.origins,
            "confounded": self.confounded,
            "classes": [found.to_dict() for found in self.classes],
            "contradictions": self.contradictions,
            "patients": self.patients.to_dict(),
            "patient_contradictions": self.patient_contradictions,
            "sentences": self.sentences,
        }


def find_provenance(manifest: pd.DataFrame, groups: pd.Series | None = None, *, linked: bool = True) -> Provenance:
    """Counts a manifest's origins and patients, and says what follows from them.

    Args:
        manifest: linked to published pictures (`braintumor_tf.identity.link`), with its own splits.
        groups: images that belong together, near-duplicates and patients; each image is on its own by default.
        linked: False says that published pictures were not looked for, so that nothing can be known of origins.

    Example:
        >>> manifest = pd.DataFrame({"path": ["a", "b"], "label": ["glioma", "no_tumor"], "split": ""})
        >>> manifest = manifest.assign(origin=["figshare", ""], origin_id=["7", ""], origin_label=["glioma", ""])
        >>> find_provenance(manifest.assign(source="mine", patient=["100360", ""])).origins
        [{'origin': 'figshare', 'glioma': 1, 'no_tumor': 0}, {'origin': 'unknown', 'glioma': 0, 'no_tumor': 1}]
    """
    origins = manifest["origin"].replace("", UNKNOWN)
    known = origins != UNKNOWN
    table = origin_table(manifest).T
    table = table[table.any(axis=1)]
    table = table.loc[sorted(table.index, key=lambda name: (name == UNKNOWN, -table.loc[name].sum(), name))]
    return Provenance(
        linked=linked or bool(known.any()),
        images=len(manifest),
        known=int(known.sum()),
        origins=table.rename_axis("origin").reset_index().to_dict("records"),
        classes=class_origins(manifest, origins, groups) if known.any() else [],
        contradictions=contradicted_labels(manifest),
        patients=find_shared_patients(manifest, persons(manifest)),
        patient_contradictions=patient_contradictions(manifest).to_dict("records"),
    )


def _origin_sentence(found: Provenance) -> str:
    if not found.known:
        text = "The origin of no image is known" if found.linked else "Published pictures were not looked for"
    else:
        parts = [(row["origin"], sum(n for key, n in row.items() if key != "origin")) for row in found.origins]
        text = f"Origin known for {found.known:,} of {found.images:,} images: " + ", ".join(
            f"{count:,} {name}" for name, count in parts if name != UNKNOWN
        )
    patients = found.patients
    count = f"{patients.patients:,} patient" + ("" if patients.patients == 1 else "s")
    people = f"{count} in {patients.images:,} images" if patients.images else "of no image"
    return f"{text}. Patients known: {people}."


def _confounding_sentences(found: Provenance) -> list[str]:
    if not found.classes:
        return []
    if found.confounded is None:
        row = max(found.in_doubt, key=lambda row: row.gap)
        return [f"Whether class and origin are confounded cannot be told from so few groups: {_shares(row)}."]
    told = told_by_origin(found.classes)
    if not told:
        best = max((row.balanced_accuracy for row in found.classes), default=0.5)
        return [f"Class and origin are not confounded: the origin names no class better than {best:.2f} (chance 0.50)."]
    return [f"CONFOUNDED: {sentence}" for sentence in told]


def told_by_origin(classes: Sequence[ClassOrigin]) -> list[str]:
    """Says of each class that is confounded how well the origin alone tells it, the best told first.

    Args:
        classes: as `class_origins` finds them; of two classes one is told as well as the other, and one is named.

    Returns:
        Sentences to stand behind a colon.
    """
    rows = sorted((row for row in classes if row.confounded), key=lambda row: -row.balanced_accuracy)
    return [
        f"the origin alone tells {row.label} with balanced accuracy {row.balanced_accuracy:.2f} (chance 0.50); "
        f"{_shares(row, 'its images')}. A score may be about the place."
        for row in rows[: 1 if len(classes) == 2 else None]
    ]


def _shares(row: ClassOrigin, images: str = "") -> str:
    pictures = "of unknown origin" if row.origin == UNKNOWN else f"{row.origin} pictures"
    images = images or f"the images of {row.label}"
    return f"{row.share:.0%} of {images} are {pictures}, of the others {row.share_of_others:.0%}"


def _contradiction_sentences(found: Provenance) -> list[str]:
    if not found.known:
        return []
    pairs = pd.Series([f"{row['label']} is {row['origin_label']} in {row['origin']}" for row in found.contradictions])
    if pairs.empty:
        return ["No label contradicts that of its origin."]
    counted = pairs.value_counts(sort=True)
    counts = ", ".join(f"{count} {words}" for words, count in counted.head(MAX_KINDS).items())
    counts += f", {counted.iloc[MAX_KINDS:].sum()} others" if len(counted) > MAX_KINDS else ""
    return [f"Labels that contradict their origin's: {len(pairs)} ({counts})."]


def _people(found: Provenance) -> list[str]:
    if not found.patient_contradictions:
        return []
    first, count = found.patient_contradictions[0], len(found.patient_contradictions)
    return [
        f"Patients told differently by the data set and by the published pictures: {count}, "
        f"such as {first['patient']}, who is {first['several']}; they are kept together."
    ]
