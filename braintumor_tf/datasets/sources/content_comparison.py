"""How the files of a folder differ from the known content of a source, whatever the folders and files are called."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from braintumor_tf.datasets.sources.contents import read_contents
from braintumor_tf.datasets.sources.table import Source


@dataclass(frozen=True)
class ClassCount:
    """How many images of a class a source should have, and how many there are; `found` is None for an absent folder."""

    split: str
    label: str
    expected: int
    found: int | None


@dataclass(frozen=True, kw_only=True)
class ContentComparison:
    """What is the same and what differs, in paths; `Verification` says what each field of the same name means.

    Attributes:
        unchanged: files that have their published name and content.
        missing, changed, renamed, extra, repeated, absent, unchecked, counts: as in `Verification`.
    """

    unchanged: int
    missing: tuple[str, ...]
    changed: tuple[str, ...]
    renamed: tuple[tuple[str, str], ...]
    extra: tuple[str, ...]
    repeated: tuple[str, ...]
    absent: tuple[str, ...]
    unchecked: int
    counts: tuple[ClassCount, ...]

    @property
    def differences(self) -> dict[str, tuple]:
        """The differences of files by their name."""
        return {name: getattr(self, name) for name in ("missing", "changed", "renamed", "extra", "repeated")}

    @property
    def counts_fit(self) -> bool:
        """Whether every class folder that is there has as many images as the source declares."""
        return all(count.found in (None, count.expected) for count in self.counts)


def compare_contents(files: Mapping[str, str], source: Source) -> ContentComparison:
    """Compares a folder's files with what is known of a source.

    Args:
        files: the first digits of each file's MD5 by its path below the folder, as `hash_files` gives them.
        source: a source whose content is known.
    """
    known = read_contents(source.name)
    here_root, known_root = _alignment(files, known)
    names = {path: _moved(path, here_root, known_root) for path in files}
    unchecked = _in_unknown_folders(names, known, source)
    same = {path for path, name in names.items() if known.get(name) == files[path]}
    changed = {path for path, name in names.items() if name in known and path not in same}
    unnamed = sorted(set(files) - same - unchecked - changed)
    renamed, repeated, extra = _recognised(unnamed, files, known, {names[path] for path in same})
    found = {names[path] for path in same | changed} | {name for name, _ in renamed}
    present = {_parent(name) for name in found}
    filled = present | {_parent(names[path]) for path in unchecked}
    folders = {_parent(name) for name in known}
    names |= {path: name for name, path in renamed if _parent(names[path]) not in folders}
    counted = Counter(_parent(name) for path, name in names.items() if path not in repeated)
    return ContentComparison(
        unchanged=len(same),
        missing=tuple(sorted(name for name in known if name not in found and _parent(name) in present)),
        changed=tuple(sorted(changed)),
        renamed=tuple(renamed),
        extra=tuple(extra),
        repeated=tuple(repeated),
        absent=tuple(part.folder for part in source.parts if part.folder not in filled),
        unchecked=len(unchecked),
        counts=tuple(
            ClassCount(part.split, part.label, part.images, counted[part.folder] if part.folder in filled else None)
            for part in source.parts
        ),
    )


def _in_unknown_folders(names: Mapping[str, str], known: Mapping[str, str], source: Source) -> set[str]:
    """Returns the paths that lie in class folders of which no content is known."""
    unseen = [part.folder for part in source.parts if not any(name.startswith(f"{part.folder}/") for name in known)]
    return {path for path, name in names.items() if any(name.startswith(f"{folder}/") for folder in unseen)}


def _recognised(
    paths: Collection[str], files: Mapping[str, str], known: Mapping[str, str], taken: Collection[str]
) -> tuple[list[tuple[str, str]], list[str], list[str]]:
    """Sorts files without a published name into renamed, repeated and extra ones, by their content."""
    lost = defaultdict(list)
    for name, digest in known.items():
        if name not in taken:
            lost[digest].append(name)
    contents = set(known.values())
    renamed, repeated, extra = [], [], []
    for path in paths:
        if lost[files[path]]:
            renamed.append((lost[files[path]].pop(0), path))
        elif files[path] in contents:
            repeated.append(path)
        else:
            extra.append(path)
    return renamed, repeated, extra


def _alignment(files: Mapping[str, str], known: Mapping[str, str]) -> tuple[str, str]:
    """Returns the prefixes by which most files' paths and the known paths of the same content differ."""
    by_hash = defaultdict(list)
    for name, digest in known.items():
        by_hash[digest].append(name)
    votes: Counter[tuple[str, str]] = Counter()
    for path, digest in files.items():
        for name in by_hash[digest]:
            here, there = path.split("/"), name.split("/")
            while here and there and here[-1] == there[-1]:
                here.pop()
                there.pop()
            votes["/".join(here), "/".join(there)] += 1
    return min(votes, key=lambda pair: (-votes[pair], len(pair[0]), pair)) if votes else ("", "")


def _moved(path: str, here_root: str, known_root: str) -> str:
    if here_root and not path.startswith(f"{here_root}/"):
        return path
    inner = path[len(here_root) + 1 :] if here_root else path
    return f"{known_root}/{inner}" if known_root else inner


def _parent(name: str) -> str:
    return name.rpartition("/")[0]
