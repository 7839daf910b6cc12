"""What the names of folders say: which one is the class, which one the split, and how else they could be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from braintumor_tf.datasets.labels import canonical_label, canonical_split, plain_label
from braintumor_tf.datasets.layouts.layout import amounts
from braintumor_tf.errors import DatasetError

Folder = tuple[str, ...]
"""The names of the folders from the data set's own down to an image."""


@dataclass(frozen=True)
class FolderNames:
    """The folders that hold images, each once.

    Attributes:
        root: the data set's folder.
        counts: how many images each holds.
        labels: the label of a name that is given (`Layout.labels`).
    """

    root: Path
    counts: Mapping[Folder, int]
    labels: Mapping[str, str] = field(default_factory=dict)

    def known(self, name: str) -> str | None:
        """Returns the label of a name that is known to be a class, else None."""
        return self.labels.get(name) or canonical_label(name)

    def label(self, name: str) -> str:
        """Returns the label of a name, whether known or not."""
        return self.labels.get(name) or plain_label(name)

    def split(self, name: str) -> str | None:
        """Returns the split that a name means, else None."""
        return None if name in self.labels else canonical_split(name)

    @cached_property
    def named(self) -> list[Folder]:
        """The folders of which some name is no split."""
        return [folder for folder in self.counts if not all(map(self.split, folder))]

    @cached_property
    def wrapped(self) -> int:
        """How many folders on top hold nothing but the next one, as unpacked archives have them."""
        folders, place = self.named, 0
        while folders and all(len(folder) > place for folder in folders):
            names = {folder[place] for folder in folders}
            name = min(names)
            if len(names) > 1 or self.split(name) or (self.known(name) and not self._classes_below(folders, place)):
                break
            place += 1
        return place

    def _classes_below(self, folders: list[Folder], place: int) -> bool:
        """Whether each folder has a known class below a place, and there are several: ``brain_tumor/glioma``."""
        below = [[label for name in folder[place + 1 :] if (label := self.known(name))] for folder in folders]
        return all(below) and len({labels[-1] for labels in below}) > 1

    def candidates(self, folder: Folder) -> list[int]:
        """Returns the places of the names that may be a class: below what is wrapped, and no split."""
        return [place for place in range(self.wrapped, len(folder)) if not self.split(folder[place])]

    def known_places(self, folder: Folder) -> list[int]:
        """Returns the places of the names that are known to be a class."""
        return [place for place in self.candidates(folder) if self.known(folder[place])]

    def holding(self, name: str) -> int:
        """Returns how many images lie below folders of a name."""
        return sum(count for folder, count in self.counts.items() if name in folder)

    def readings(self) -> dict[int, Counter[str]]:
        """Returns the images of each class for each depth that can be taken, without those that give the same again.

        A depth can be taken if every image that is in a folder has a folder there that is no split. Where some depth
        gives two classes, those that give a single unknown one are left out.
        """
        folders, found = self.named, {}
        deepest = max(map(len, folders), default=0)
        for depth in (*range(1, deepest + 1), *range(-1, -deepest - 1, -1)):
            place = depth - 1 if depth > 0 else depth
            if any(len(folder) < abs(depth) or self.split(folder[place]) for folder in folders):
                continue
            counts = Counter()
            for folder in folders:
                counts[self.label(folder[place])] += self.counts[folder]
            if counts not in found.values():
                found[depth] = counts
        telling = {depth: counts for depth, counts in found.items() if len(counts) > 1 or self.known(min(counts))}
        return telling or found

    def choices(self, *ignored: str) -> str:
        """Returns the options that settle how the names are read, each with what it gives."""
        texts = [f"--ignore {_quoted(name)} leaves {self.holding(name):,} out" for name in ignored]
        texts += [f"--label-from {depth} gives {amounts(counts)}" for depth, counts in self.readings().items()]
        return "; ".join(texts)

    def given_places(self, depth: int) -> dict[Folder, int | None]:
        """Returns the place of the class in each folder, where the user says which it is; None for those not `named`.

        Raises:
            DatasetError: an image lies less deep, or the folder there names a split.
        """
        places: dict[Folder, int | None] = dict.fromkeys(self.counts)
        for folder in self.named:
            shown = "/".join(folder)
            if len(folder) < abs(depth):
                raise DatasetError(
                    f"{self.root}: --label-from {depth} does not fit, {shown} is less than {abs(depth)} folders deep; "
                    f"{self.choices(folder[0])}"
                )
            places[folder] = depth - 1 if depth > 0 else len(folder) + depth
            if self.split(name := folder[places[folder]]):
                raise DatasetError(
                    f"{self.root}: --label-from {depth} takes {name} for a class, which names a split; "
                    f"{self.choices() or 'leave the option out'}"
                )
        return places


def _quoted(name: str) -> str:
    return f"'{name}'" if " " in name else name
