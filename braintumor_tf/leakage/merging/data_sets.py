"""Several data sets as one: labels in one spelling, copies and patients across them found."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd

from braintumor_tf.datasets.labels import BINARY_CLASSES, TUMOR, plain_label, to_binary
from braintumor_tf.datasets.manifest import Scan
from braintumor_tf.errors import DatasetError
from braintumor_tf.identity.links import Links
from braintumor_tf.identity.loading import LinkedScan, link_scan, load
from braintumor_tf.identity.people import persons
from braintumor_tf.leakage.copies import kept_copies
from braintumor_tf.leakage.groups import group, join_data_sets, with_own_groups
from braintumor_tf.leakage.manifest_counts import label_conflicts
from braintumor_tf.leakage.merging.merge_result import Between, CopyRow, Merge, Part
from braintumor_tf.leakage.merging.overlaps import shared_images, with_fingerprints
from braintumor_tf.matching.fingerprints import near_pairs


@dataclass(frozen=True)
class MergedScan(LinkedScan):
    """What several data sets hold together.

    Attributes:
        merge: what went in, and what was found between them; of a `MergedScan` never None.
    """

    merge: Merge | None = None

    @property
    def title(self) -> str:
        """What the data sets are called, in one text."""
        return " + ".join(part.dataset for part in self.merge.parts)

    def to_config(self) -> dict[str, Any]:
        """Returns ``links`` and ``merge`` as ``config.json`` of a run holds them."""
        return {**super().to_config(), "merge": self.merge.to_config()}


def merge(
    *datasets: str | Path | Scan,
    binary: bool = False,
    drop_copies: bool = False,
    names: Sequence[str] | None = None,
    show_progress: bool = True,
    **options: Any,
) -> MergedScan:
    """Makes one data set of several: one spelling of labels, patients and near-duplicates found across all.

    Each image keeps its `source`, its origin and its patient. Two data sets of one name become two sources, so equal
    numbers of patients are two people; patients of the same published pictures (`identity.link`) are one. Groups are
    made over all images together, so a split divides none. Official splits are those of the parts; a part that does not
    have both training and test images has none here.

    Args:
        datasets: two or more, each what `identity.load` takes, or a scan.
        binary: put the types of tumour together as ``tumor``.
        drop_copies: leave out all but one file of each picture and label, as `drop_copies` does; groups stay as they
            were before. Pictures under several labels are reported and keep a file for each.
        names: what the data sets are called in reports; by default what they were called here.
        show_progress: whether to show bars.
        **options: arguments of `identity.load` for data sets that are not scanned yet, such as ``data_dir``. With
            ``link=False`` no scan is linked either.

    Returns:
        The manifest of all with its groups, the unreadable files, and `merge`, whose `sentences` say what was found.

    Raises:
        DatasetError: fewer than two data sets, one file in two of them, or labels that do not go together: ``tumor``
            beside its types, unless `binary`.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from braintumor_tf.datasets import write_synthetic
        >>> small = {"patients_per_class": 1, "slices_per_patient": 1, "image_size": 64, "show_progress": False}
        >>> small |= {"byte_copies": 0, "reencoded_copies": 0, "label_conflicts": 0}
        >>> with TemporaryDirectory() as folder:
        ...     parts = [write_synthetic(f"{folder}/{name}", seed=seed, **small) for seed, name in enumerate("ab")]
        ...     both = merge(*parts, show_progress=False)
        >>> both.merge.sentences[0]
        '8 images of 2 data sets: 4 of a and 4 of b.'
        >>> sorted(set(both.manifest["source"]))
        ['a', 'b']
    """
    if len(datasets) < 2:
        raise DatasetError(f"{len(datasets)} data set: merging takes two or more; load a single one as it is")
    scans = [_scanned(each, show_progress, options) for each in datasets]
    names = list(names or [each.title if isinstance(each, Scan) else str(each) for each in datasets])
    _check_files(scans, names)
    _check_labels(scans, names, binary)
    joint = _joined([scan.manifest for scan in scans])
    part = pd.Series([number for number, scan in enumerate(scans) for _ in range(len(scan.manifest))])
    joint = to_binary(joint) if binary else joint
    official = [_is_official(rows["split"]) for _, rows in joint.groupby(part)]
    joint["split"] = joint["split"].where(part.map(dict(enumerate(official))), "")
    pairs = near_pairs(joint, show_progress=show_progress)
    alike = with_fingerprints(joint, pairs)
    stays = kept_copies(joint, alike["picture"])
    dropped = stays != joint.index
    found = _found(scans, names, alike, part, stays, official, binary=binary, drop_copies=drop_copies)
    joint = group(joint, pairs=with_own_groups(joint, pairs))
    joint = joint[~dropped].reset_index(drop=True) if drop_copies else joint
    return MergedScan(
        manifest=joint,
        unreadable=pd.concat([scan.unreadable for scan in scans], ignore_index=True),
        root=Path(os.path.commonpath([scan.root for scan in scans])),
        passed_over=pd.concat([scan.passed_over for scan in scans], ignore_index=True),
        notes=tuple(f"{name}: {note}" for scan, name in zip(scans, names) for note in scan.notes),
        links=_links(scans, joint),
        merge=found,
    )


def _scanned(dataset: str | Path | Scan, show_progress: bool, options: dict[str, Any]) -> LinkedScan:
    if isinstance(dataset, LinkedScan):
        return dataset
    if isinstance(dataset, Scan):
        how = {name: options[name] for name in ("link", "indexes", "cache") if name in options}
        return link_scan(dataset, show_progress=show_progress, **how)
    return load(dataset, show_progress=show_progress, **options)


def _check_files(scans: Sequence[Scan], names: Sequence[str]) -> None:
    """Refuses data sets that share a file, whatever links lead to it."""
    folders: dict[str, str] = {}
    seen: dict[tuple[str, str], str] = {}
    for scan, name in zip(scans, names):
        own = {}
        for path in scan.manifest["path"]:
            folder, file = os.path.split(path)
            real = folders.setdefault(folder, os.path.realpath(folder))
            if (real, file) in seen:
                raise DatasetError(
                    f"{path}: is in {seen[real, file]} and in {name}; give each data set once, and none that is a part "
                    "of another"
                )
            own[real, file] = name
        seen |= own


def _check_labels(scans: Sequence[Scan], names: Sequence[str], binary: bool) -> None:
    """Refuses the bare label ``tumor`` beside types of tumour."""
    labels = [set(scan.manifest["label"]) for scan in scans]
    types = sorted(set().union(*labels) - set(BINARY_CLASSES))
    coarse = [name for name, own in zip(names, labels) if TUMOR in own]
    if binary or not types or not coarse:
        return
    raise DatasetError(
        f"{', '.join(coarse)}: says only tumor or not, beside types such as {types[0]} in the other images; give "
        "--binary (binary=True) to merge all as tumour or not, or leave it out"
    )


def _joined(manifests: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Puts manifests below each other; a source that is another data set of an equal name gets its number."""
    joint = manifests[0].reset_index(drop=True)
    for number, manifest in enumerate(manifests[1:], start=2):
        joint = join_data_sets(joint, manifest, mark=str(number))
    return joint


def _is_official(split: pd.Series) -> bool:
    return {"train", "test"} <= set(split) and not (split == "").any()


def _found(
    scans: Sequence[LinkedScan],
    names: Sequence[str],
    manifest: pd.DataFrame,
    part: pd.Series,
    stays: pd.Series,
    official: Sequence[bool],
    *,
    binary: bool,
    drop_copies: bool,
) -> Merge:
    """Counts what went in, and what the parts share; `manifest` has the columns of `with_fingerprints`."""
    people, dropped = persons(manifest), stays != manifest.index
    rows = [manifest[part == number] for number in range(len(scans))]
    parts = tuple(
        Part(
            dataset=names[number],
            name=", ".join(sorted(set(own["source"]))),
            images=len(own),
            left_out=int(dropped[own.index].sum()) if drop_copies else 0,
            unreadable=len(scans[number].unreadable),
            classes={str(label): int(count) for label, count in own["label"].value_counts().sort_index().items()},
            spellings=_spellings(scans[number].manifest),
            splits=sorted(set(scans[number].manifest["split"])),
            official=official[number],
            patients=int(people[own.index].replace("", pd.NA).nunique()),
        )
        for number, own in enumerate(rows)
    )
    between = tuple(
        Between(first=parts[one].name, second=parts[other].name, **shared_images(rows[one], rows[other]))
        for one, other in combinations(range(len(rows)), 2)
    )
    several = part.groupby(people.replace("", pd.NA)).transform("nunique") > 1
    holders = {label: [one.name for one in parts if label in one.classes] for label in sorted(set(manifest["label"]))}
    return Merge(
        parts=parts,
        images=len(manifest) - (int(dropped.sum()) if drop_copies else 0),
        binary=binary,
        between=between,
        patients=int(people[several].nunique()),
        patient_images=int(several.sum()),
        copies=int(dropped.sum()),
        left_out=_left_out(manifest, stays[dropped]) if drop_copies else [],
        conflicts=_conflicts(manifest),
        single={label: held[0] for label, held in holders.items() if len(held) == 1},
    )


def _spellings(manifest: pd.DataFrame) -> dict[str, str]:
    """Says which class each class folder of another spelling is."""
    found = {}
    for folder, label in {(os.path.dirname(path), label) for path, label in zip(manifest["path"], manifest["label"])}:
        named = [name for name in Path(folder).parts if plain_label(name) == label]
        if named and named[-1] != label:
            found[named[-1]] = label
    return dict(sorted(found.items(), key=lambda pair: (pair[1], pair[0])))


def _left_out(manifest: pd.DataFrame, stays: pd.Series) -> list[CopyRow]:
    gone = manifest.loc[stays.index, ["path", "source", "label"]]
    kept = manifest.loc[stays, ["path", "source"]].set_index(gone.index)
    return gone.assign(kept=kept["path"], kept_source=kept["source"]).to_dict("records")


def _conflicts(manifest: pd.DataFrame) -> list[list[CopyRow]]:
    rows = manifest.set_index("path", drop=False)[["path", "source", "label"]]
    return [rows.loc[paths].to_dict("records") for paths in label_conflicts(manifest)]


def _links(scans: Sequence[LinkedScan], manifest: pd.DataFrame) -> Links | None:
    """What linking found in all together; None where a data set was not linked."""
    if any(scan.links is None for scan in scans):
        return None
    tables: dict[str, str] = {}
    for scan in scans:
        tables |= scan.links.tables
    return Links.of(manifest, tables)
