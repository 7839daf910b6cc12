"""Every file below a folder: those taken for images, and all others with the reason why they are not."""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from braintumor_tf.datasets.formats.medical.nifti import header_beside
from braintumor_tf.datasets.formats.medical.table import medical_format
from braintumor_tf.datasets.formats.signatures import IMAGE_SUFFIXES
from braintumor_tf.datasets.layouts.layout import Layout, Named, amounts
from braintumor_tf.errors import DatasetError

_HEAD = 352
_SIGNATURES = (
    (128, b"DICM", "DICOM"),
    (344, b"n+1\0", "NIfTI"),
    (0, b"MATLAB", "MATLAB"),
    (0, b"\x89HDF", "HDF5"),
    (0, b"%PDF", "PDF"),
    (0, b"PK\x03\x04", "zip"),
    (0, b"\x1f\x8b", "gzip"),
    (0, b"Rar!", "RAR"),
    (0, b"\x89PNG", "PNG"),
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"GIF8", "GIF"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"BM", "BMP"),
    (8, b"WEBP", "WebP"),
)
_PICTURES = ("PNG", "JPEG", "GIF", "TIFF", "BMP", "WebP")
_OTHER_PICTURES = frozenset(
    {".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".avif", ".heic", ".heif", ".ico", ".svg", ".psd", ".nrrd", ".mha"}
)
_ARCHIVES = ("zip", "gzip", "RAR", "tar")
_KINDS = {
    "DICOM": (".dcm", ".dicom", ".ima"),
    "NIfTI": (".nii", ".nii.gz"),
    "MATLAB": (".mat",),
    "Excel": (".xlsx", ".xls"),
    "zip": (".zip",),
    "tar": (".tar", ".tgz", ".tar.gz"),
    "RAR": (".rar", ".7z"),
}
_KIND_OF = {suffix: kind for kind, suffixes in _KINDS.items() for suffix in suffixes}
_INDEX = "DICOMDIR"
_VOLUMES = ("DICOM", "NIfTI", "MATLAB", "HDF5")


@dataclass
class Tree:
    """What lies below a folder.

    Attributes:
        root: the folder.
        images: files taken for images or volumes, by the endings of their names or by how they begin; by folder.
        passed_over: folders and files that are left out, each with the reason.
        unreadable: folders that cannot be looked into, and pictures and volumes of formats that are not read.
        hidden: hidden folders that hold files taken for images, and how many.
        kinds: how many other files there are, by kind (``DICOM``, ``.txt``).
        used_patterns: the patterns of the layout that left something out.
    """

    root: Path
    images: list[Path] = field(default_factory=list)
    passed_over: Named = field(default_factory=list)
    unreadable: Named = field(default_factory=list)
    hidden: dict[Path, int] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)
    used_patterns: set[str] = field(default_factory=set)


def walk_tree(root: Path, layout: Layout) -> Tree:
    """Looks at every file below a folder; links to folders are followed, each real folder once."""
    tree, seen = Tree(root), set()

    def cannot(error: OSError) -> None:
        tree.unreadable.append((str(error.filename), f"a folder that cannot be opened ({error.strerror})"))

    for folder, folders, files in os.walk(root, followlinks=True, onerror=cannot):
        real = os.path.realpath(folder)
        if real in seen:
            tree.passed_over.append((folder, "a link to a folder that is read elsewhere"))
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not _left_out(tree, Path(folder, name), layout, folder=True))
        for name in sorted(files):
            path = Path(folder, name)
            if not _left_out(tree, path, layout):
                _file(tree, path)
    return tree


def _left_out(tree: Tree, path: Path, layout: Layout, *, folder: bool = False) -> bool:
    """Notes a hidden or ignored file or folder, and returns whether it is one."""
    pattern = layout.ignored_by(path.relative_to(tree.root).as_posix()) if layout.ignore else None
    hidden = path.name.startswith((".", "_") if folder else ".")
    if pattern is None and not hidden:
        return False
    reason = f"left out by {pattern!r}" if pattern is not None else f"hidden, its name begins with {path.name[0]}"
    if pattern is not None:
        tree.used_patterns.add(pattern)
    if folder:
        files = [name for _, _, names in os.walk(path) for name in names]
        pictures = sum(not name.startswith(".") and is_image_name(name) for name in files)
        reason += f" ({len(files):,} file{'' if len(files) == 1 else 's'})"
        if pattern is None and pictures:
            tree.hidden[path] = pictures
    tree.passed_over.append((str(path), reason))
    return True


def _file(tree: Tree, path: Path) -> None:
    kind, ending = None if is_image_name(path.name) else kind_of(path), path.suffix.lower()
    if (header := header_beside(path)) is not None:
        tree.passed_over.append((str(path), f"holds the voxels of another file ({header.name})"))
        return
    if path.name.upper() == _INDEX:
        tree.passed_over.append((str(path), "an index of other DICOM files"))
        return
    if is_image_name(path.name) or kind in _PICTURES or medical_format(path) is not None:
        tree.images.append(path)
        return
    tree.kinds[kind or ending or "without an ending"] += 1
    if kind in _VOLUMES:
        named = {"DICOM": ".dcm", "NIfTI": ".nii", "MATLAB": ".mat"}.get(kind)
        why = f" whose name does not end in {named}; rename it" if named else ", which is not read"
        tree.unreadable.append((str(path), f"a {kind} file{why}{'' if named else '; export its slices as PNG'}"))
    elif ending in _OTHER_PICTURES:
        tree.unreadable.append((str(path), f"not an image of a known format ({ending})"))
    elif kind in _ARCHIVES:
        tree.passed_over.append((str(path), f"an archive, unpack it ({kind})"))
    elif ending == ".csv":
        tree.passed_over.append((str(path), "a table; give it instead of the folder to have it read"))
    else:
        tree.passed_over.append((str(path), f"no image file ({ending or 'its name has no ending'})"))


def is_image_name(name: str) -> bool:
    """Whether a file is taken for an image by the ending of its name; its content decides later."""
    return Path(name).suffix.lower() in IMAGE_SUFFIXES or medical_format(name) is not None


def kind_of(path: Path) -> str | None:
    """Returns the kind of a file that is no image by its name, such as ``DICOM``; None where it is not known."""
    ending = re.search(r"(\.nii|\.tar)?\.[^.]+$", path.name.lower())
    if ending and ending.group() in _KIND_OF:
        return _KIND_OF[ending.group()]
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return None
        with open(path, "rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return None
    return next((kind for start, mark, kind in _SIGNATURES if head[start : start + len(mark)] == mark), None)


def refuse_file(path: Path) -> None:
    """Raises DatasetError for a file that is known to be no CSV: a picture, an archive, a volume."""
    kind = "picture" if is_image_name(path.name) else kind_of(path)
    if kind == "picture" or kind in _PICTURES:
        raise DatasetError(f"{path}: is one picture; give the folder that holds it, or a CSV of path and label")
    if kind in _ARCHIVES:
        raise DatasetError(f"{path}: is an archive; unpack it, and give the folder")
    if kind == "Excel":
        raise DatasetError(f"{path}: is an Excel table; save it as CSV")
    if kind is not None:
        raise DatasetError(f"{path}: is a {kind} file; give a folder of images, or a CSV of path and label")


def without_images(tree: Tree) -> str:
    """Says of a folder without a single image what it holds instead."""
    root, hidden = tree.root, sum(tree.hidden.values())
    if hidden:
        names = ", ".join(sorted(path.name for path in tree.hidden))
        return f"{root}: all its {hidden:,} image files lie in hidden folders ({names}); rename these folders"
    if not tree.kinds and tree.unreadable:
        return f"{root}: no image found; {tree.unreadable[0][0]}: {tree.unreadable[0][1]}"
    if not tree.kinds:
        held = "holds nothing but what is left out" if tree.passed_over else "is empty"
        return f"{root}: {held}; expected class/image or split/class/image, such as Training/glioma/1.jpg"
    volumes = Counter({kind: count for kind, count in tree.kinds.items() if kind in _VOLUMES})
    if volumes:
        (kind, count), *_ = volumes.most_common(1)
        return (
            f"{root}: holds {count:,} {kind} file{'' if count == 1 else 's'} and no image of a format that is read; "
            "export the slices as PNG, a folder for each class"
        )
    table = next((path for path, _ in tree.passed_over if path.lower().endswith(".csv")), None)
    advice = f"; to read a table, give {table} itself" if table else ""
    return f"{root}: holds no image file, but others ({amounts(tree.kinds)}){advice}"
