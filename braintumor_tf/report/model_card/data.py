"""What a model card says of the images: where they come from, how many there are, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from braintumor_tf.datasets.sources.contents import HASH_DIGITS, read_contents
from braintumor_tf.datasets.sources.table import SOURCES, Source
from braintumor_tf.leakage.manifest_counts import FINGERPRINT_NAMES, FINGERPRINTS, count_duplicates, label_conflicts
from braintumor_tf.leakage.merging import merge_sentences
from braintumor_tf.leakage.splits import OVERLAP
from braintumor_tf.report.sections.data import people_summary, size_summary, split_table, unreadable_rows
from braintumor_tf.report.wording.numbers import percent
from braintumor_tf.report.wording.run_texts import setting

MAX_CONFLICTS = 5
"""How many pictures with several labels a card names."""

_SHOWN = {name: FINGERPRINT_NAMES[name] for name in ("md5", "pixels", "near")}
"""The fingerprints that a manifest holds."""


def card_data(manifest: pd.DataFrame, config: Mapping[str, Any]) -> dict[str, Any]:
    """Puts together what the card says of a run's images.

    Args:
        manifest: the table of images with the splits that were used.
        config: the run's settings.

    Returns:
        ``sources``, ``drawn`` (whether all are synthetic) and ``faults``; ``merged``, sentences on what was found when
        several data sets were merged; ``splits`` and ``sizes`` as for the report; ``people``, a sentence on patients;
        ``groups``, ``unreadable`` and ``overlap``, counts; ``duplicates`` (rows of text), ``unknown`` (fingerprints
        that the manifest lacks), ``conflicts`` (ends of the paths of one picture under several labels) and
        ``conflict_count``.
    """
    sources = source_rows(manifest)
    found = setting(config, "unreadable", [])
    known = {name: column for name, column in FINGERPRINTS.items() if name in _SHOWN and _known(manifest, column)}
    conflicts = label_conflicts(manifest.assign(picture=manifest["pixel_hash"])) if "pixels" in known else []
    groups = manifest["group"].astype(str)
    return {
        "sources": sources,
        "drawn": all(row["drawn"] for row in sources),
        "faults": [
            {"name": source.name, "faults": list(source.faults)}
            for source in _unique(row["declared"] for row in sources)
        ],
        "splits": split_table(manifest),
        "sizes": size_summary(manifest),
        "groups": int(groups[groups != ""].nunique()),
        "people": people_summary(manifest),
        "merged": merge_sentences(config["merge"])[1:] if config.get("merge") else [],
        "unreadable": found if isinstance(found, int) else len(unreadable_rows(found)),
        "overlap": int((manifest["split"] == OVERLAP).sum()),
        "duplicates": [_duplicate_row(manifest, name, column) for name, column in known.items()],
        "unknown": [title for name, title in _SHOWN.items() if name not in known],
        "conflicts": [["/".join(Path(path).parts[-3:]) for path in files] for files in conflicts[:MAX_CONFLICTS]],
        "conflict_count": len(conflicts),
    }


def source_rows(manifest: pd.DataFrame) -> list[dict[str, Any]]:
    """Says of each source of a manifest how many images it has and which declared data set it is.

    A source is recognised by what is in its files (`datasets.sources.contents`); where no list is known, by its name.

    Returns:
        ``name``, ``images``, ``declared`` (a `Source` or None), ``known_by`` and ``licence`` in words, and ``drawn``,
        whether this package drew the images.
    """
    contents = {source.name: set(read_contents(source.name).values()) for source in SOURCES}
    rows = []
    for name, part in manifest.groupby(manifest["source"].astype(str), sort=True):
        shared = {key: int(part["md5"].str[:HASH_DIGITS].isin(known).sum()) for key, known in contents.items()}
        best = max(SOURCES, key=lambda source: shared[source.name])
        declared, known_by = None, "no data set that this package knows of"
        drawn = str(name).startswith("synthetic")
        if shared[best.name]:
            declared = best
            known_by = f"{shared[best.name]:,} of its {len(part):,} files are files of {best.name}, by MD5"
        elif drawn:
            known_by = "drawn by this package"
        elif any(source.name == name and not contents[source.name] for source in SOURCES):
            declared = next(source for source in SOURCES if source.name == name)
            known_by = "known by its name alone"
        licence = declared.licence if declared else "–" if drawn else "not known here"
        row = {"name": str(name), "images": len(part), "declared": declared, "known_by": known_by}
        rows.append({**row, "licence": licence, "drawn": drawn and declared is None})
    return rows


def _known(manifest: pd.DataFrame, column: str) -> bool:
    return bool(len(manifest)) and not (manifest[column].astype(str) == "").any()


def _unique(found: Any) -> list[Source]:
    return list(dict.fromkeys(source for source in found if source is not None))


def _duplicate_row(manifest: pd.DataFrame, name: str, column: str) -> dict[str, str]:
    found, test = count_duplicates(manifest, column), int((manifest["split"] == "test").sum())
    share = percent(found.test_in_training, test)
    return {
        "title": _SHOWN[name],
        "redundant": f"{found.redundant_files:,}",
        "across_splits": f"{found.across_splits:,}",
        "across_classes": f"{found.across_classes:,}",
        "test_in_training": f"{found.test_in_training:,}" + (f" ({share})" if share else ""),
    }
