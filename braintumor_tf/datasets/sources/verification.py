"""Recognising a data set by its content, whatever its folder is called, and saying what differs."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from braintumor_tf.datasets.labels import canonical_label, canonical_split
from braintumor_tf.datasets.sources.contents import hash_files, read_contents
from braintumor_tf.datasets.sources.table import SOURCES, Source
from braintumor_tf.errors import DatasetError

_ENOUGH = 0.5


@dataclass(frozen=True)
class ClassCount:
    """How many images of a class a source should have, and how many there are; `found` is None for an absent folder."""

    split: str
    label: str
    expected: int
    found: int | None


@dataclass(frozen=True)
class Verification:
    """What a folder turned out to hold. All paths are relative to the folder, except `missing` (to the source's).

    Attributes:
        folder: the folder.
        images: how many image files it holds.
        source: the short name of the source that it is, or None.
        certainty: ``"content"`` (files compared one by one), ``"counts"`` (only the numbers of images fit; content not
            known here) or ``"none"``.
        candidates: with certainty ``"counts"`` every source that fits.
        complete: True if each file that is known here is present and unchanged, none is added, and every count fits.
        absent: class folders of the source that are not there at all.
        missing: files of the present class folders that are not there.
        changed: files with the name of a published one and other content.
        renamed: pairs of a published name and the name under which its content was found.
        extra: files that are not part of the source.
        repeated: files that hold published content once more.
        unchecked: how many files lie in class folders whose content is not known here.
        counts: the images of each class, expected and found.
        conclusion: all of this in one line.
    """

    folder: str
    images: int
    source: str | None
    certainty: str
    candidates: tuple[str, ...]
    complete: bool
    absent: tuple[str, ...]
    missing: tuple[str, ...]
    changed: tuple[str, ...]
    renamed: tuple[tuple[str, str], ...]
    extra: tuple[str, ...]
    repeated: tuple[str, ...]
    unchecked: int
    counts: tuple[ClassCount, ...]
    conclusion: str

    def to_dict(self) -> dict[str, Any]:
        """Returns it as plain dictionaries and lists, ready for JSON."""
        return asdict(self)


def verify(name_or_dir: str | Path, *, data_dir: str | Path = "data", show_progress: bool = True) -> Verification:
    """Recognises a data set by the content of its files, or failing that by its counts.

    Args:
        name_or_dir: the short name of a source, looked for at ``data_dir/<name>``, or any folder: a whole data set, a
            part of one such as its ``Testing`` folder, or one with files missing, added or changed.
        data_dir: where data sets lie.
        show_progress: a progress bar for work over two seconds.

    Returns:
        What it is, how sure that is, and what differs.

    Raises:
        DatasetError: there is no such folder, or it holds no image.
    """
    folder, asked = _folder_of(name_or_dir, Path(data_dir))
    files = hash_files(folder, show_progress=show_progress)
    if not files:
        raise DatasetError(f"{folder}: no image file in it; give the folder of a data set")
    best, share = _best_match(files)
    if best is not None and share >= _ENOUGH:
        found = _compare(folder, files, best)
    else:
        found = _by_counts(folder, files, best, share, asked)
    if asked and asked.name not in (found.source, *found.candidates):
        found = replace(found, complete=False, conclusion=f"not {asked.name}: {found.conclusion}")
    return found


def _folder_of(name_or_dir: str | Path, data_dir: Path) -> tuple[Path, Source | None]:
    asked = next((source for source in SOURCES if source.name == str(name_or_dir)), None)
    folder = data_dir / asked.name if asked else Path(name_or_dir).expanduser()
    if folder.is_dir():
        return folder, asked
    if asked and Path(asked.name).is_dir():
        return Path(asked.name), asked
    if asked:
        raise DatasetError(f"{folder}: not there; fetch {asked.name} first, or give the folder where it lies")
    raise DatasetError(
        f"{folder}: no such folder, and no source of that name ({', '.join(item.name for item in SOURCES)})"
    )


def _best_match(files: dict[str, str]) -> tuple[Source | None, float]:
    """Returns the source that shares most: the larger of the shares of the files here and of its known files."""
    here = Counter(files.values())
    best: tuple[float, int, Source | None] = (0.0, 0, None)
    for source in SOURCES:
        known = Counter(read_contents(source.name).values())
        if not known:
            continue
        shared = sum((here & known).values())
        score = max(sum(n for digest, n in here.items() if digest in known) / here.total(), shared / known.total())
        if (score, shared) > best[:2]:
            best = (score, shared, source)
    return best[2], best[0]


def _compare(folder: Path, files: dict[str, str], source: Source) -> Verification:
    known = read_contents(source.name)
    here_root, known_root = _alignment(files, known)
    names = {path: _moved(path, here_root, known_root) for path in files}
    unseen_parts = [part for part in source.parts if not any(path.startswith(f"{part.folder}/") for path in known)]
    unchecked = {
        path for path, name in names.items() if any(name.startswith(f"{part.folder}/") for part in unseen_parts)
    }
    same = {path for path, name in names.items() if known.get(name) == files[path]}
    changed = {path for path, name in names.items() if name in known and path not in same}
    taken = {names[path] for path in same}
    lost = defaultdict(list)
    for name, digest in known.items():
        if name not in taken:
            lost[digest].append(name)
    renamed, repeated, extra = [], [], []
    contents = set(known.values())
    for path in sorted(set(files) - same - unchecked):
        names_lost = lost[files[path]]
        if names_lost and path not in changed:
            renamed.append((names_lost.pop(0), path))
        elif files[path] in contents and path not in changed:
            repeated.append(path)
        elif path not in changed:
            extra.append(path)
    gone = taken | {name for name, _ in renamed} | {names[path] for path in changed}
    present = {_parent(name) for name in gone}
    missing = sorted(name for name in known if name not in gone and _parent(name) in present)
    filled = present | {_parent(names[path]) for path in unchecked}
    absent = tuple(part.folder for part in source.parts if part.folder not in filled)
    folders = {_parent(name) for name in known}
    names |= {path: name for name, path in renamed if _parent(names[path]) not in folders}
    counted = Counter(_parent(name) for path, name in names.items() if path not in repeated)
    counts = tuple(
        ClassCount(part.split, part.label, part.images, counted[part.folder] if part.folder in filled else None)
        for part in source.parts
    )
    differences = {"missing": missing, "changed": sorted(changed), "renamed": renamed}
    differences |= {"extra": extra, "repeated": repeated}
    fits = all(count.found in (None, count.expected) for count in counts)
    return Verification(
        folder=str(folder),
        images=len(files),
        source=source.name,
        certainty="content",
        candidates=(),
        complete=fits and not absent and not any(differences.values()),
        absent=absent,
        **{key: tuple(value) for key, value in differences.items()},
        unchecked=len(unchecked),
        counts=counts,
        conclusion=_conclusion(source, len(files), len(same), len(unchecked), differences, absent, counts),
    )


def _conclusion(
    source: Source, images: int, same: int, unchecked: int, differences: dict, absent: tuple[str, ...], counts: tuple
) -> str:
    published = same + len(differences["renamed"])
    share = f"all {images:,}" if published == images else f"{published:,} of {images:,}"
    parts = [f"{source.name}: {share} images are the published ones"]
    parts += [f"{len(value):,} {key}" for key, value in differences.items() if value]
    if unchecked:
        wrong = [count for count in counts if count.found not in (None, count.expected)]
        parts.append(f"{unchecked:,} not known here by content ({'counts differ' if wrong else 'counts fit'})")
    if absent:
        parts.append(f"not there: {', '.join(_shortest(absent, source))}")
    return "; ".join(parts)


def _shortest(absent: tuple[str, ...], source: Source) -> list[str]:
    """Names a split's folder once where all its class folders are absent."""
    tops: dict[str, set[str]] = defaultdict(set)
    for part in source.parts:
        tops[part.folder.partition("/")[0]].add(part.folder)
    return list(dict.fromkeys(top if tops[top := name.partition("/")[0]] <= set(absent) else name for name in absent))


def _by_counts(
    folder: Path, files: dict[str, str], best: Source | None, share: float, asked: Source | None
) -> Verification:
    tables = {source.name: _count(files, source) for source in SOURCES}
    fitting = tuple(name for name, table in tables.items() if all(row.expected == row.found for row in table))
    chosen = asked.name if asked and asked.name in fitting else fitting[0] if fitting else None
    if chosen:
        known = [name for name in fitting if read_contents(name)]
        conclusion = f"counts match {' or '.join(fitting)}; " + (
            f"but the content is not that of {' or '.join(known)} as known here" if known else "content not known here"
        )
    else:
        near = f"; {share:.0%} of it is in {best.name}" if best and share else ""
        conclusion = (
            f"not a data set known here: {len(files):,} images fit no declared source by content or counts{near}"
        )
    shown = chosen or (asked.name if asked else None)
    return Verification(
        folder=str(folder),
        images=len(files),
        source=chosen if len(fitting) == 1 or (asked and chosen == asked.name) else None,
        certainty="counts" if chosen else "none",
        candidates=fitting,
        complete=False,
        absent=(),
        missing=(),
        changed=(),
        renamed=(),
        extra=(),
        repeated=(),
        unchecked=len(files),
        counts=tuple(tables[shown]) if shown else (),
        conclusion=conclusion,
    )


def _count(files: dict[str, str], source: Source) -> list[ClassCount]:
    """Counts images by the names of their folders, as `source` spells them or in another usual spelling."""
    folders = {name.lower(): label for name, label in source.folders.items()}
    has_split = any(part.split for part in source.parts)
    found: Counter[tuple[str, str]] = Counter()
    paths = [PurePosixPath(path).parts[:-1] for path in files]
    paths = [parents for parents in paths if source.root in parents] or paths
    for parents in paths:
        if not parents or (source.root not in parents and any(name in source.ignore for name in parents)):
            continue
        label = folders.get(parents[-1].lower()) or canonical_label(parents[-1])
        split = next(filter(None, map(canonical_split, parents)), "") if has_split else ""
        found[split, label or parents[-1]] += 1
    return [ClassCount(part.split, part.label, part.images, found[part.split, part.label]) for part in source.parts]


def _alignment(files: dict[str, str], known: dict[str, str]) -> tuple[str, str]:
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
