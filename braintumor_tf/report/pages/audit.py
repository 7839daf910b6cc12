"""The audit of a folder of images as one HTML page, with near-duplicates side by side."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from braintumor_tf.datasets.reading import read_image
from braintumor_tf.errors import ImageReadError
from braintumor_tf.files import write_text
from braintumor_tf.leakage.audit_report import AuditReport
from braintumor_tf.leakage.folder_audit import MAX_PAIRS
from braintumor_tf.matching.other_poses import turned_back
from braintumor_tf.report.pages.audit_origins import (
    labels_context,
    origins_context,
    patient_sentence,
    provenance_advice,
    provenance_warnings,
    relative,
)
from braintumor_tf.report.plots.style import SPLITS, split_name
from braintumor_tf.report.rendering import render
from braintumor_tf.report.sections.data import unreadable_rows
from braintumor_tf.report.sections.embedding import embed_image, embed_thumbnail
from braintumor_tf.report.wording.numbers import percent

MAX_CONFLICTS = 40
MAX_UNREADABLE = 500
THUMBNAIL = 160
"""Side in pixels of the pictures of a pair."""

FINGERPRINTS = {
    "md5": ("Same file", "byte for byte (MD5)"),
    "pixels": ("Same pixels", "the same grey pixels, stored anew"),
    "picture": ("Same picture", "re-encoded, resized or a little cropped"),
    "near": ("Look-alike", "most often a neighbouring slice of the same head"),
}
"""The audit's fingerprints, strict to wide, with their names for people."""

_KINDS = {"bytes": "same file", "pixels": "same pixels", "picture": "same picture", "near": "look-alike"}


def write_audit_page(audit: AuditReport | Mapping[str, Any], path: str | Path) -> Path:
    """Writes what `braintumor_tf.leakage.audit` found as one self-contained HTML page.

    Args:
        audit: the audit's report, or the dictionary that its ``to_dict`` gave; what it lacks is left out of the page.
        path: the HTML file to write.

    Returns:
        The path.
    """
    audit = audit.to_dict() if isinstance(audit, AuditReport) else audit
    root = str(audit.get("root", ""))
    conflicts = [list(map(str, paths)) for paths in audit.get("label_conflicts") or []]
    unreadable = unreadable_rows(audit.get("unreadable_files") or audit.get("unreadable"))
    counted = audit.get("unreadable")
    overlaps = [_overlap(row, root) for row in audit.get("against") or [] if isinstance(row, Mapping)]
    sentences = [*_sentences(audit), *(audit.get("merge") or {}).get("sentences", [])]
    warnings = _warnings(audit, conflicts, overlaps)
    context = {
        "title": " + ".join(Path(part).name for part in root.split(" + ")) or root or "image folder",
        "root": root,
        "images": f"{int(audit.get('images') or 0):,}",
        "made": datetime.date.today().isoformat(),
        "sentences": sentences,
        "warnings": warnings,
        "advice": _advice(audit, conflicts, unreadable, overlaps),
        "fingerprints": [_fingerprint(audit, key) for key in FINGERPRINTS if isinstance(audit.get(key), Mapping)],
        "test_images": int(audit.get("test_images") or 0),
        "pairs": [_pair(row, root) for row in (audit.get("pairs") or [])[:MAX_PAIRS]],
        "conflicts": _shown(conflicts, root),
        "conflict_count": len(conflicts),
        "conflicted": _pictures(len(conflicts)),
        "overlaps": overlaps,
        "origins": origins_context(audit, root),
        "labels": labels_context(audit, root),
        "classes": _class_table(audit.get("classes")),
        "sizes": _size_rows(audit.get("sizes")),
        "remarks": audit.get("remarks") or [],
        "unreadable": [{**row, "path": relative(row["path"], root)} for row in unreadable[:MAX_UNREADABLE]],
        "unreadable_count": counted if isinstance(counted, int) else len(unreadable),
    }
    return write_text(path, render("audit.html", **context))


def _found(audit: Mapping[str, Any], key: str, name: str) -> int:
    part = audit.get(key)
    return int(part.get(name) or 0) if isinstance(part, Mapping) else 0


def _sentences(audit: Mapping[str, Any]) -> list[str]:
    images, tested = int(audit.get("images") or 0), int(audit.get("test_images") or 0)
    sentences = []
    if tested:
        near, same, files = (_found(audit, key, "test_with_train_twin") for key in ("near", "picture", "md5"))
        share = f" ({percent(near, tested)})" if near else ""
        sentences.append(f"{near:,} of {tested:,} test images{share} have a near-duplicate in training")
        if near:
            sentences[-1] += f": {same:,} as the very same picture, {files:,} of these as the very same file"
        sentences[-1] += "."
    else:
        sentences.append("The folder has no test split of its own, so nothing can leak yet.")
    redundant = _found(audit, "picture", "redundant_files")
    sentences.append(f"{redundant:,} of {images:,} files repeat a picture that is already there.")
    if isinstance(audit.get("provenance"), Mapping):
        sentences.append(patient_sentence(audit["provenance"]))
    return sentences


def _warnings(audit: Mapping[str, Any], conflicts: list[list[str]], overlaps: list[dict[str, Any]]) -> list[str]:
    warnings = []
    leaked = _found(audit, "near", "test_with_train_twin") or _found(audit, "pixels", "test_with_train_twin")
    if leaked:
        warnings.append("A score on this test set rewards memory: pictures like its images are in the training set.")
    warnings += provenance_warnings(audit)
    if conflicts:
        warnings.append(f"{_pictures(len(conflicts))} filed under more than one label: at least one label is wrong.")
    for row in overlaps:
        if row["conflicts"]:
            warnings.append(f"{row['conflicted']} filed otherwise in {row['name']}: one of the two labels is wrong.")
        if row["shared"]:
            warnings.append(
                f"{row['shared']:,} of the {row['images']} images of {row['name']} look like an image here, "
                f"{row['picture']} of them the very same picture: see the pairs before you trust it as a test."
            )
    return warnings


def _advice(
    audit: Mapping[str, Any],
    conflicts: list[list[str]],
    unreadable: list[dict[str, str]],
    overlaps: list[dict[str, Any]],
) -> list[str]:
    advice = []
    if _found(audit, "near", "test_with_train_twin"):
        advice.append(
            "Do not trust the folder's own split. Split anew with the grouped protocol, which keeps near-duplicates on "
            "one side, and compare the scores."
        )
    elif _found(audit, "near", "redundant_files"):
        advice.append(
            "Split with the grouped protocol (the default), which keeps near-duplicates on one side; delete nothing."
        )
    if conflicts or any(row["conflicts"] for row in overlaps):
        advice.append("Look at each label conflict below, and correct or remove the file that is filed wrongly.")
    if unreadable or audit.get("unreadable"):
        advice.append("Fetch the unreadable files again, or remove them; until then they are left out.")
    if any(row["shared"] for row in overlaps):
        advice.append("Use the external protocol for a test on the other data set: it leaves the shared images out.")
    advice += provenance_advice(audit)
    return advice or ["Nothing needs to be done. Keep the grouped protocol, so that it stays so when images are added."]


def _fingerprint(audit: Mapping[str, Any], key: str) -> dict[str, str]:
    found, tested = audit[key], int(audit.get("test_images") or 0)
    note = FINGERPRINTS[key][1]
    if key == "near" and found.get("correlation") is not None:
        note += f"; correlation at least {found['correlation']}, hashes at most {found.get('distance', '?')} bits apart"
    leaked = _found(audit, key, "test_with_train_twin")
    row = {"title": FINGERPRINTS[key][0], "note": note, "leaked": f"{leaked:,}", "share": percent(leaked, tested)}
    for name in ("redundant_files", "across_splits", "across_classes"):
        row[name] = f"{_found(audit, key, name):,}" if name in found else "–"
    return row


def _pictures(count: int) -> str:
    return f"{count:,} {'picture is' if count == 1 else 'pictures are'}"


def _shown(conflicts: list[list[str]], root: str) -> list[list[str]]:
    return [[relative(file, root) for file in files] for files in conflicts[:MAX_CONFLICTS]]


def _overlap(row: Mapping[str, Any], root: str) -> dict[str, Any]:
    counts = {key: _shared(row.get(key)) for key in FINGERPRINTS}
    name = str(row.get("name") or Path(str(row.get("root", ""))).name or row.get("root", ""))
    conflicts = [list(map(str, paths)) for paths in row.get("label_conflicts") or []]
    images = f"{int(row['images']):,}" if row.get("images") is not None else "–"
    return {
        "name": name,
        "images": images,
        "shared": max(counts.values()),
        "conflicts": _shown(conflicts, root),
        "conflict_count": len(conflicts),
        "conflicted": _pictures(len(conflicts)),
        **{key: f"{n:,}" for key, n in counts.items()},
    }


def _shared(found: Any) -> int:
    return int((found.get("images") if isinstance(found, Mapping) else found) or 0)


def _pair(row: Mapping[str, Any], root: str) -> dict[str, Any]:
    kind = _KINDS.get(str(row.get("fingerprint")), str(row.get("fingerprint", "")))
    correlation = row.get("correlation")
    caption = kind if correlation is None else f"{kind}, correlation {float(correlation):.3f}"
    aligned = row.get("pose") is not None
    if aligned:
        caption += f"; {_pose_words(row)}, shown turned back"
    sides = [
        {
            "source": _turned_back(row) if aligned and side == "b" else embed_thumbnail(str(row.get(side, ""))),
            "path": relative(str(row.get(side, "")), root),
            "label": str(row.get(f"label_{side}", "")),
            "split": split_name(str(row.get(f"split_{side}") or "")),
        }
        for side in ("a", "b")
    ]
    return {"sides": sides, "caption": caption, "conflict": sides[0]["label"] != sides[1]["label"]}


def _pose_words(row: Mapping[str, Any]) -> str:
    """How the second picture of a pair was altered, such as ``mirrored, by 5.2 degrees, 1.10 times as large``."""
    angle, scale = float(row["angle"]), float(row["scale"])
    rest = (angle + 45) % 90 - 45
    words = [str(row["pose"])] if row["pose"] != "as it is" else []
    words += [f"turned by {rest:.1f} degrees"] if abs(rest) >= 0.5 else []
    words += [f"{scale:.2f} times as large"] if abs(scale - 1) >= 0.01 else []
    shift = max(abs(float(row["shift_x"])), abs(float(row["shift_y"])))
    words += [f"shifted by {percent(round(1000 * shift), 1000)}"] if shift >= 0.01 else []
    words += ["grey levels inverted"] if row["inverted"] else []
    return ", ".join(words) or "other grey levels"


def _turned_back(row: Mapping[str, Any]) -> str | None:
    """The second picture of a pair laid on the first, as a thumbnail; None where one cannot be read."""
    try:
        first, second = (read_image(str(row[side])) for side in ("a", "b"))
    except ImageReadError:
        return None
    picture = Image.fromarray(turned_back(second, first.shape, row))
    return embed_image(ImageOps.pad(picture, (THUMBNAIL, THUMBNAIL)), kind="jpeg")


def _class_table(rows: Any) -> dict[str, Any] | None:
    """Rows of split and label counts as a table, from a list of rows or from a mapping of splits."""
    if isinstance(rows, Mapping):
        rows = [{"split": split, **counts} for split, counts in rows.items() if isinstance(counts, Mapping)]
    if not rows:
        return None
    columns = list(dict.fromkeys(key for row in rows for key in row if key != "split"))
    order = {name: place for place, name in enumerate(SPLITS)}
    rows = sorted(rows, key=lambda row: order.get(str(row.get("split")), len(order)))
    counts = [[int(row.get(name) or 0) for name in columns] for row in rows]
    lines = [
        {"split": split_name(str(row.get("split") or "")), "numbers": [f"{n:,}" for n in (*numbers, sum(numbers))]}
        for row, numbers in zip(rows, counts, strict=True)
    ]
    return {"columns": [*map(str, columns), "images"], "rows": lines}


def _size_rows(rows: Any) -> list[dict[str, str]]:
    if not isinstance(rows, (list, tuple)):
        return []
    return [
        {
            "size": f"{row.get('width')} × {row.get('height')}",
            "images": f"{int(row.get('images') or 0):,}",
            "share": f"{100 * float(row['share']):.1f} %" if row.get("share") is not None else "",
            "classes": str(row.get("classes", "")),
        }
        for row in rows
        if isinstance(row, Mapping)
    ]
