"""Recognising a data set by its content, whatever its folder is called, and saying what differs."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from braintumor_tf.datasets.labels import canonical_label, canonical_split
from braintumor_tf.datasets.sources.content_comparison import ClassCount, ContentComparison, compare_contents
from braintumor_tf.datasets.sources.contents import hash_files, read_contents
from braintumor_tf.datasets.sources.table import SOURCES, Source
from braintumor_tf.errors import DatasetError

_ENOUGH = 0.5


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
        What it is, how certain that is, and what differs.

    Example:
        >>> print(verify("Downloads/archive").conclusion)  # doctest: +SKIP
        Downloads/archive: is sartaj, complete and unchanged

    Raises:
        DatasetError: there is no such folder, or it holds no image.
    """
    folder, asked = _folder_of(name_or_dir, Path(data_dir))
    files = hash_files(folder, show_progress=show_progress)
    if not files:
        raise DatasetError(f"{folder}: no image file in it; give the folder of a data set")
    best, share = _best_match(files)
    if best is not None and share >= _ENOUGH:
        found = _by_content(folder, files, best)
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


def _by_content(folder: Path, files: dict[str, str], source: Source) -> Verification:
    found = compare_contents(files, source)
    return Verification(
        folder=str(folder),
        images=len(files),
        source=source.name,
        certainty="content",
        candidates=(),
        complete=found.counts_fit and not found.absent and not any(found.differences.values()),
        absent=found.absent,
        **found.differences,
        unchecked=found.unchecked,
        counts=found.counts,
        conclusion=_conclusion(source, len(files), found),
    )


def _conclusion(source: Source, images: int, found: ContentComparison) -> str:
    published = found.unchanged + len(found.renamed)
    share = f"all {images:,}" if published == images else f"{published:,} of {images:,}"
    parts = [f"{source.name}: {share} images are the published ones"]
    parts += [f"{len(value):,} {key}" for key, value in found.differences.items() if value]
    if found.unchecked:
        counts = "counts fit" if found.counts_fit else "counts differ"
        parts.append(f"{found.unchecked:,} not known here by content ({counts})")
    if found.absent:
        parts.append(f"not there: {', '.join(_shortest(found.absent, source))}")
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
