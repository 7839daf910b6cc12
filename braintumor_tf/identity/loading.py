"""Loading a data set: its images are found and described."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from braintumor_tf.datasets.manifest import Scan
from braintumor_tf.datasets.resolve import find_dataset


def load(
    dataset: str | Path, *, data_dir: str | Path = "data", synthetic: dict[str, Any] | None = None, **options: Any
) -> Scan:
    """Finds a data set and describes its images.

    Args:
        dataset: ``"synthetic"`` (MRI slices) or ``"synthetic_histopathology"`` (stained tissue, for
            `modality_manifest`), written to `data_dir` when first asked for; the name of a declared source that was
            fetched to `data_dir`; a labelled folder; or a CSV.
        data_dir: where data sets are kept.
        synthetic: arguments of `write_synthetic`, such as ``{"patients_per_class": 4}``, or of
            `write_synthetic_tissue`, for synthetic data alone.
        **options: arguments of `scan`: ``strict``, ``cache``, ``workers``, ``show_progress``.

    Returns:
        The manifest and the unreadable files.

    Raises:
        DatasetError: no such data set; the text lists what is known.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> small = {"patients_per_class": 1, "slices_per_patient": 1, "image_size": 64, "byte_copies": 0}
        >>> small |= {"reencoded_copies": 0, "label_conflicts": 0}
        >>> with TemporaryDirectory() as folder:
        ...     found = load("synthetic", data_dir=folder, synthetic=small, show_progress=False)
        >>> sorted(found.manifest["label"])
        ['glioma', 'meningioma', 'no_tumor', 'pituitary']
    """
    return find_dataset(dataset, data_dir=data_dir, synthetic=synthetic, **options)
