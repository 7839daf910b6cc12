"""Layouts that can be read in two ways: each is refused, with both ways and the options that choose one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from braintumor_tf.datasets.formats.medical.table import is_volume_name
from braintumor_tf.datasets.labels import (
    CLASSES,
    NO_TUMOR,
    TUMOR,
    canonical_label,
    canonical_split,
    held_by,
    nearest_spelling,
    resembles_split,
)
from braintumor_tf.datasets.layouts.folder_names import Folder, FolderNames
from braintumor_tf.datasets.layouts.layout import images, listed
from braintumor_tf.datasets.layouts.tree import Tree
from braintumor_tf.errors import DatasetError

_MASK_ENDINGS = ("_mask", "_seg", "_segmentation", "_label", "-mask", "-seg", "_gt")
_BOX_FILES = (".txt", ".xml", ".json", ".yaml")


def places_by_name(names: FolderNames, tree: Tree) -> dict[Folder, int | None]:
    """Tells by the names of folders which one is the class; None for images that lie in no class folder.

    Raises:
        DatasetError: the names can be read in two ways, or give no class.
    """
    known = {folder: names.known_places(folder) for folder in names.counts}
    _check_split_names(names)
    _check_masks(names, tree)
    strange = [folder for folder in names.counts if not known[folder] and names.candidates(folder)]
    if any(known.values()):
        _check_strange(names, strange)
        _check_nested(names, known)
        return {folder: places[0] if places else None for folder, places in known.items()}
    if not strange:
        raise DatasetError(_no_class_folders(names, tree))
    _check_unknown(names, strange, tree)
    return {folder: next(iter(names.candidates(folder)), None) for folder in names.counts}


def check_labels(names: FolderNames, places: Mapping[Folder, int | None]) -> None:
    """Refuses classes that would be merged, or of which one is a part of the other.

    Raises:
        DatasetError: two folders side by side are one class, or tumours of no type lie beside those of a type.
    """
    beside: dict[tuple[Folder, str], set[str]] = {}
    for folder, place in places.items():
        if place is not None:
            beside.setdefault((folder[:place], names.label(folder[place])), set()).add(folder[place])
    for (_, label), same in beside.items():
        if len(same) > 1:
            raise DatasetError(
                f"{names.root}: {' and '.join(sorted(same))} lie side by side and are both {label}; "
                f"{names.choices(*sorted(same))}"
            )
    labels = {label for _, label in beside}
    types = sorted(labels & (set(CLASSES) - {NO_TUMOR}))
    if TUMOR in labels and types:
        plain = sorted({name for (_, label), same in beside.items() if label == TUMOR for name in same})
        raise DatasetError(
            f"{names.root}: {listed(plain)} holds tumours of no named type, beside {listed(types)}; "
            f"{names.choices(*plain)} (--binary then makes all of them tumor)"
        )


def check_splits(names: FolderNames, places: Mapping[Folder, int | None]) -> None:
    """Refuses images that lie in folders of two splits, one within the other.

    Raises:
        DatasetError: there are such images.
    """
    for folder in names.counts:
        splits = [name for place, name in enumerate(folder) if place != places[folder] and names.split(name)]
        if len({names.split(name) for name in splits}) > 1:
            raise DatasetError(
                f"{names.root}: {'/'.join(folder)} lies in folders of two splits, {' and '.join(splits)}; "
                f"move it, or leave it out with --ignore '{'/'.join(folder)}'"
            )


def check_hidden(names: FolderNames, places: Mapping[Folder, int | None], tree: Tree) -> None:
    """Refuses hidden folders with images that may be classes: such a name, or a place beside the classes.

    Raises:
        DatasetError: there is such a folder.
    """
    parents = {folder[:place] for folder, place in places.items() if place is not None}
    for path, count in tree.hidden.items():
        bare = path.name.lstrip("._")
        class_name = canonical_label(bare) or canonical_split(bare) or nearest_spelling(bare)
        beside = path.name.startswith("_") and path.relative_to(names.root).parts[:-1] in parents
        if class_name or (beside and not held_by(bare) and path.name != "__MACOSX"):
            raise DatasetError(
                f"{path}: begins with {path.name[0]} and so is hidden, but holds {images(count)} and may be a class or "
                f"a split; rename it to {bare}, or leave it out with --ignore {path.name}"
            )


def _check_split_names(names: FolderNames) -> None:
    for folder in names.counts:
        for place in names.candidates(folder):
            if resembles_split(name := folder[place]) and name not in names.labels:
                raise DatasetError(
                    f"{names.root}: {name} may name a split, but by none of the usual names; rename it to train, "
                    f"validation or test, or choose: {names.choices(name)}"
                )


def _check_masks(names: FolderNames, tree: Tree) -> None:
    """Refuses masks among pictures: in folders of their own, or as files beside the picture of the same name."""
    for folder in names.counts:
        for place in names.candidates(folder):
            what = held_by(name := folder[place])
            if what in ("masks", "pictures without a class") and not names.known(name):
                raise DatasetError(
                    f"{names.root}: the folder {'/'.join(folder[: place + 1])} holds {what}, by its name; "
                    f"{names.choices(name)}"
                )
    files = {(str(path.parent), Path(path.name.removesuffix(".gz")).stem) for path in tree.images}
    volumes = {str(path.parent) for path in tree.images if is_volume_name(path)}
    masks = [(folder, stem) for folder, stem in files if stem.endswith(_MASK_ENDINGS)]
    for folder, stem in sorted(masks):
        ending = next(ending for ending in _MASK_ENDINGS if stem.endswith(ending))
        bare = stem.removesuffix(ending)
        # of volumes several sequences share the beginning of a name: p1_t1.nii.gz, p1_t2.nii.gz, p1_seg.nii.gz
        alike = folder in volumes and any(
            there == folder and other.startswith(bare) and other != stem for there, other in files
        )
        if alike or (folder, bare) in files:
            count = sum(other.endswith(ending) for _, other in masks)
            raise DatasetError(
                f"{names.root}: {stem} lies beside the picture of the same name, and seems to be its mask; "
                f"--ignore '*{ending}.*' leaves {count:,} out; {names.choices()} with them"
            )


def _check_strange(names: FolderNames, strange: list[Folder]) -> None:
    """Refuses folders of unknown names beside known classes."""
    unknown = sorted({folder[names.candidates(folder)[0]] for folder in strange})
    if not unknown:
        return
    _check_spelling(names, unknown)
    known = sorted({names.label(folder[place]) for folder in names.counts for place in names.known_places(folder)})
    raise DatasetError(
        f"{names.root}: {listed(unknown)} {'lies' if len(unknown) == 1 else 'lie'} beside the classes {listed(known)}: "
        f"a class, or pictures without a class? {names.choices(*unknown[:3])}"
    )


def _check_spelling(names: FolderNames, unknown: list[str]) -> None:
    for name in unknown:
        if nearest := nearest_spelling(name):
            raise DatasetError(
                f"{names.root}: the class {name} is not known; {nearest} perhaps? Rename it, or choose: "
                f"{names.choices(name)}"
            )


def _check_nested(names: FolderNames, known: Mapping[Folder, list[int]]) -> None:
    """Refuses a known class within another one, or below folders that are no split."""
    depths = {}
    for folder, places in known.items():
        inside = sorted({names.known(folder[place]) for place in places})
        if len(inside) > 1:
            raise DatasetError(
                f"{names.root}: {'/'.join(folder)} names two classes, {' and '.join(inside)}; {names.choices()}"
            )
        if places:
            depths.setdefault(names.candidates(folder).index(places[0]), folder)
    above = sorted(
        {folder[names.candidates(folder)[0]] for folder, places in known.items() if places}
        - {folder[places[0]] for folder, places in known.items() if places}
    )
    if set(depths) - {0}:
        deep = depths[max(depths)]
        what = "classes lie at several depths" if len(depths) > 1 else "classes lie in several folders"
        raise DatasetError(
            f"{names.root}: {what}, such as {'/'.join(deep)}, below {listed(above)}: several data sets, or one? Give "
            f"one of these folders alone, or choose: {names.choices(*(above[:3] if 0 in depths else ()))}"
        )


def _check_unknown(names: FolderNames, strange: list[Folder], tree: Tree) -> None:
    """Refuses class names none of which is known, where they are no class, or could be taken from two depths."""
    first = sorted({folder[names.candidates(folder)[0]] for folder in strange})
    _check_spelling(names, first)
    pictures = [name for name in first if held_by(name) == "pictures"]
    if pictures:
        raise DatasetError(
            f"{names.root}: its pictures lie in {listed(pictures)}, which names no class; {_what_to_do(tree)}, or "
            f"choose: {names.choices()}"
        )
    for folder in strange:
        below = names.candidates(folder)[1:]
        if any(held_by(folder[place]) != "pictures" for place in below):
            raise DatasetError(
                f"{names.root}: {'/'.join(folder)} may name its class by {folder[names.candidates(folder)[0]]} or by "
                f"{folder[below[-1]]}; {names.choices()}"
            )


def _no_class_folders(names: FolderNames, tree: Tree) -> str:
    """Says of pictures that lie in no class folder where they lie."""
    total = sum(names.counts.values())
    folders = {"/".join(folder) for folder in names.counts if folder}
    where = f"in {listed(sorted(folders))}" if folders else "in the folder itself"
    choices = f", or choose: {names.choices()}" if folders and names.readings() else ""
    return f"{names.root}: {images(total)}, but no class folder: all lie {where}; {_what_to_do(tree)}{choices}"


def _what_to_do(tree: Tree) -> str:
    boxes = sum(tree.kinds[ending] for ending in _BOX_FILES)
    tables = [path for path, _ in tree.passed_over if Path(path).suffix.lower() == ".csv"]
    if boxes >= max(2, len(tree.images) // 2):
        return (
            f"the {boxes:,} {', '.join(ending for ending in _BOX_FILES if tree.kinds[ending])} files beside them look "
            "like a detection export, whose labels are boxes: put each class in a folder of its own, or give a CSV of "
            "path and label"
        )
    if tables:
        return f"put each class in a folder of its own, or give a CSV of path and label (is it {tables[0]}?)"
    return "put each class in a folder of its own, or give a CSV of path and label"
