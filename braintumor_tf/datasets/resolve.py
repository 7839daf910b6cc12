"""One way to name a data set: ``"synthetic"``, ``"synthetic_histopathology"``, a declared source, a folder, a CSV."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from braintumor_tf.datasets.manifest import LISTING, Scan, scan
from braintumor_tf.datasets.sources.table import SOURCES
from braintumor_tf.datasets.synthetic import TISSUE_FOLDERS, write_synthetic, write_synthetic_tissue
from braintumor_tf.datasets.synthetic.ground_truth import FILE_NAME
from braintumor_tf.datasets.synthetic.mri.dataset import MASKS
from braintumor_tf.errors import DatasetError

SYNTHETIC = "synthetic"
SYNTHETIC_TISSUE = "synthetic_histopathology"


def find_dataset(
    dataset: str | Path, *, data_dir: str | Path = "data", synthetic: dict[str, Any] | None = None, **options: Any
) -> Scan:
    """Finds a data set and describes its images; `identity.load` also says who is in them.

    Args:
        dataset: ``"synthetic"`` (MRI slices) or ``"synthetic_histopathology"`` (stained tissue, for
            `modality_manifest`), written to `data_dir` when first asked for; the name of a declared source that was
            fetched to `data_dir`; a labelled folder; or a CSV.
        data_dir: where data sets are kept.
        synthetic: arguments of `write_synthetic`, such as ``{"patients_per_class": 4}``, or of
            `write_synthetic_tissue`, for synthetic data alone.
        **options: arguments of `scan`: ``ignore``, ``label_from``, ``unlabelled``, ``slices``, ``plane``, ``strict``,
            ``cache``, ``workers``, ``show_progress``.

    Returns:
        The manifest and the unreadable files.

    Raises:
        DatasetError: no such data set; the text lists what is known.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> small = {"patients_per_class": 1, "slices_per_patient": 1, "image_size": 64, "byte_copies": 0}
        >>> small |= {"reencoded_copies": 0, "label_conflicts": 0}
        >>> with TemporaryDirectory() as folder:
        ...     found = find_dataset("synthetic", data_dir=folder, synthetic=small, show_progress=False)
        >>> sorted(found.manifest["label"])
        ['glioma', 'meningioma', 'no_tumor', 'pituitary']
    """
    name = str(dataset)
    if name in (SYNTHETIC, SYNTHETIC_TISSUE):
        return _load_synthetic(name, data_dir, synthetic or {}, options)
    if Path(name).expanduser().exists():
        return scan(name, **options)
    known = {source.name: source for source in SOURCES}
    if name in known:
        folder = Path(data_dir) / name
        if not folder.exists():
            raise DatasetError(
                f"{name}: not in {folder}; fetch it with `braintumor-tf datasets fetch {name}`, "
                "or give the folder where it already is"
            )
        if (folder / LISTING).is_file():
            return scan(folder / LISTING, source=name, **options)
        layout = {"labels": known[name].folders, "patients": known[name].patients}
        layout["ignore"] = [
            *filter(lambda part: (folder / part).exists(), known[name].ignore),
            *options.pop("ignore", ()),
        ]
        return scan(folder, source=name, **layout, **options)
    written = f"{SYNTHETIC}, {SYNTHETIC_TISSUE}"
    raise DatasetError(
        f"{name}: no such folder or file; neither a folder, a CSV nor a known data set ({written}, {', '.join(known)})"
    )


def _load_synthetic(name: str, data_dir: str | Path, synthetic: dict[str, Any], options: dict[str, Any]) -> Scan:
    settings = json.dumps(synthetic, sort_keys=True) if synthetic else ""
    code = hashlib.sha256(settings.encode()).hexdigest()[:8]
    folder = Path(data_dir) / (f"{name}_{code}" if settings else name)
    arguments = {"show_progress": options.get("show_progress", True), **synthetic}
    if name == SYNTHETIC:
        return _without_truth(scan(write_synthetic(folder, **arguments), source=name, **options))
    layout = {"labels": {folder: label for label, folder in TISSUE_FOLDERS.items()}, "patients": True}
    return _without_truth(scan(write_synthetic_tissue(folder, **arguments), source=name, **layout, **options))


def _without_truth(found: Scan) -> Scan:
    """Leaves out of what is passed over the ground truth, which is no part of the images."""
    names = found.passed_over["path"].map(os.path.basename)
    return replace(found, passed_over=found.passed_over[~names.isin([MASKS, FILE_NAME])].reset_index(drop=True))
