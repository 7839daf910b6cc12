"""A labelled folder as rows: a path, a label, a split and a patient for each image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from braintumor_tf.datasets.formats.medical.matlab import MatlabSlice
from braintumor_tf.datasets.formats.medical.table import file_of
from braintumor_tf.datasets.labels import resembles_split
from braintumor_tf.datasets.layouts.dicom_patients import name_patients
from braintumor_tf.datasets.layouts.doubts import check_hidden, check_labels, check_splits, places_by_name
from braintumor_tf.datasets.layouts.folder_names import Folder, FolderNames
from braintumor_tf.datasets.layouts.layout import Layout, Listing, Named, class_notes, unused_patterns
from braintumor_tf.datasets.layouts.own_labels import fill_in, told_by_files
from braintumor_tf.datasets.layouts.tree import Tree, walk_tree, without_images
from braintumor_tf.datasets.layouts.volume_rows import expand_volumes
from braintumor_tf.errors import DatasetError

NO_LABEL = "not in a class folder, so it has no label"


def read_folder(root: Path, layout: Layout) -> Listing:
    """Returns a row for each image of a labelled folder, and the reason for each other file; `scan` says the rest.

    Raises:
        DatasetError: there is no such folder, it holds no image, or its names can be read in two ways.
    """
    if not root.is_dir():
        raise DatasetError(f"{root}: no such folder; give a labelled image folder, a CSV, or the name of a source")
    tree = walk_tree(root, layout)
    told, without, damaged = told_by_files(tree.images)
    tree.passed_over += without
    tree.unreadable += damaged
    left_out = {path for path, _ in (*without, *damaged)}
    tree.images = [path for path in tree.images if str(path) not in left_out]
    if not tree.images:
        raise DatasetError(without_images(tree))
    names = _names(root, tree.images, layout)
    notes = unused_patterns(layout, tree.used_patterns)
    try:
        places = _places(names, tree, told, layout)
    except DatasetError as doubt:
        if not layout.unlabelled:
            raise
        places = dict.fromkeys(names.counts)
        notes.append(f"no label is taken from the folders ({str(doubt).removeprefix(f'{root}: ')})")
    rows = [_row(path, path.relative_to(root).parts[:-1], places, names, layout) for path in tree.images]
    notes += fill_in(rows, told)
    loose = [] if layout.unlabelled else [(row["path"], NO_LABEL) for row in rows if not row["label"]]
    rows = [row for row in rows if row["label"] or layout.unlabelled]
    notes += name_patients(rows, layout)
    rows, broken, said = expand_volumes(rows, root, layout)
    notes += said + class_notes(rows)
    if layout.label_from is not None:
        notes += _unsplit(places)
    return Listing(
        rows=rows, unreadable=[*tree.unreadable, *broken], passed_over=[*tree.passed_over, *loose], notes=notes
    )


def unlisted_images(folder: Path, listing: Listing, layout: Layout) -> Named:
    """Returns the image files below a folder that is read by its own list, and that are not on it."""
    known = {path for path, _ in listing.passed_over} | {file_of(row["path"]) for row in listing.rows}
    images = map(str, walk_tree(folder, layout).images)
    return [(path, "not in the list of images that the folder holds") for path in images if path not in known]


def _names(root: Path, images: Iterable[Path], layout: Layout) -> FolderNames:
    return FolderNames(root, Counter(path.relative_to(root).parts[:-1] for path in images), layout.labels)


def _places(
    names: FolderNames, tree: Tree, told: Mapping[Path, MatlabSlice], layout: Layout
) -> dict[Folder, int | None]:
    """Returns the place of the class among the names of each folder, None where there is none.

    Of folders whose files tell their class themselves, only names that are known count.
    """
    known = {folder: next(iter(names.known_places(folder)[-1:]), None) for folder in names.counts}
    if layout.patients:  # a declared layout of patient/class
        return known
    others = [path for path in tree.images if path not in told]
    if told and layout.label_from is None:
        return known | (_places(_names(names.root, others, layout), tree, {}, layout) if others else {})
    if layout.label_from is not None:
        places = names.given_places(layout.label_from)
    else:
        places = places_by_name(names, tree)
        check_labels(names, places)
    check_splits(names, places)
    check_hidden(names, places, tree)
    return places


def _row(
    path: Path, folder: Folder, places: Mapping[Folder, int | None], names: FolderNames, layout: Layout
) -> dict[str, str]:
    place = places[folder]
    splits = [split for at, name in enumerate(folder) if at != place and (split := names.split(name))]
    row = {"path": str(path), "label": "", "split": splits[0] if splits else "", "patient": ""}
    if place is not None:
        row["label"] = names.label(folder[place])
        row["patient"] = folder[place - 1] if layout.patients and place else ""
    return row


def _unsplit(places: Mapping[Folder, int | None]) -> list[str]:
    """Says which folders resemble a split and are not taken for one, where the user says which folder is the class."""
    found = {
        name for folder, at in places.items() for n, name in enumerate(folder) if n != at and resembles_split(name)
    }
    return [
        f"the folder {name} is not taken for a split: rename it to train, validation or test" for name in sorted(found)
    ]
