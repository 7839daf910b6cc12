"""Loading a data set: its images are found, described, and linked to the published pictures that they are."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from braintumor_tf.datasets.manifest import Scan
from braintumor_tf.datasets.resolve import find_dataset
from braintumor_tf.errors import BrainTumorWarning
from braintumor_tf.identity import links as linking
from braintumor_tf.identity.origin_index import OriginIndex

Indexes = Sequence[str | Path | OriginIndex] | None


@dataclass(frozen=True)
class LinkedScan(Scan):
    """What a folder or a CSV holds, and who is in it.

    Attributes:
        links: what linking found; None where it was turned off.
    """

    links: linking.Links | None = None

    @property
    def sentence(self) -> str:
        """What was found, as a sentence for a reader: also that nothing was, or that nothing was looked for."""
        if self.links is None:
            return "Not linked: nobody looked for published pictures among the images."
        return f"{self.links.sentence or 'No image is a published picture that this package knows'}."

    def to_config(self) -> dict[str, Any]:
        """Returns what ``config.json`` of a run holds: ``links`` (None where nothing was linked), ``data_remarks``."""
        return {"links": self.links.to_dict() if self.links else None, "data_remarks": self.remarks}


def load(
    dataset: str | Path,
    *,
    link: bool = True,
    indexes: Indexes = None,
    data_dir: str | Path = "data",
    synthetic: dict[str, Any] | None = None,
    **options: Any,
) -> LinkedScan:
    """Finds a data set, describes its images, and finds which published pictures they are, and so whose.

    Args:
        dataset: ``"synthetic"`` (MRI slices) or ``"synthetic_histopathology"`` (stained tissue, for
            `modality_manifest`), written to `data_dir` when first asked for; the name of a declared source that was
            fetched to `data_dir`; a labelled folder; or a CSV.
        link: look for published pictures (`identity.link`); False leaves origins unknown, and patients too unless the
            data set names them itself.
        indexes: as for `identity.link`.
        data_dir: where data sets are kept.
        synthetic: arguments of `write_synthetic`, such as ``{"patients_per_class": 4}``, or of
            `write_synthetic_tissue`, for synthetic data alone.
        **options: arguments of `scan`: ``ignore``, ``label_from``, ``unlabelled``, ``slices``, ``plane``, ``strict``,
            ``cache``, ``workers``, ``show_progress``.

    Returns:
        The manifest, the unreadable files, what else is not used, and `links`, whose `sentence` says what was found.
        Each `BrainTumorWarning` says in one line what is odd about the data set, how much of it is not used, or where
        its own patients contradict those of the pictures.

    Raises:
        DatasetError: no such data set (the text lists what is known), or an index that cannot be read.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> small = {"patients_per_class": 1, "slices_per_patient": 1, "image_size": 64, "byte_copies": 0}
        >>> small |= {"reencoded_copies": 0, "label_conflicts": 0}
        >>> with TemporaryDirectory() as folder:
        ...     found = load("synthetic", data_dir=folder, synthetic=small, show_progress=False)
        >>> sorted(found.manifest["label"])
        ['glioma', 'meningioma', 'no_tumor', 'pituitary']
        >>> found.links.sentence
        ''
    """
    opened = linking.open_indexes(indexes) if link else None  # a wrong index is refused before images are read
    scan = find_dataset(dataset, data_dir=data_dir, synthetic=synthetic, **options)
    quiet = {name: options[name] for name in ("cache", "show_progress") if name in options}
    found = link_scan(scan, link=link, indexes=opened, **quiet)
    for remark in (*found.remarks, found.links.warning if found.links else ""):
        if remark:
            warnings.warn(f"{dataset}: {remark}", BrainTumorWarning, stacklevel=2)
    return found


def link_scan(
    scan: Scan, *, link: bool = True, indexes: Indexes = None, cache: bool = True, show_progress: bool = True
) -> LinkedScan:
    """Links what `datasets.scan` found, as `load` does, without a warning.

    Args:
        scan: a scan.
        link: False only says that nothing was linked.
        indexes: as for `identity.link`.
        cache: as for `identity.link`.
        show_progress: as for `identity.link`.
    """
    found = LinkedScan(**{each.name: getattr(scan, each.name) for each in fields(Scan)})
    if not link:
        return found
    manifest, links = linking.link_with(
        scan.manifest, linking.open_indexes(indexes), cache=cache, show_progress=show_progress
    )
    return replace(found, manifest=manifest, links=links)
