"""Where images come from: declared sources, download, synthetic slices, reading one image, the manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from braintumor_tf.lazy import lazy_names

if TYPE_CHECKING:
    from braintumor_tf.datasets.head_crop import head_box, head_mask
    from braintumor_tf.datasets.labels import BINARY_CLASSES, CLASSES, MODALITIES, NO_TUMOR, TUMOR, to_binary
    from braintumor_tf.datasets.manifest import (
        COLUMNS,
        Scan,
        read_manifest,
        scan,
        thumbnails,
        thumbnails_and_pictures,
        write_manifest,
    )
    from braintumor_tf.datasets.modality import modality_manifest
    from braintumor_tf.datasets.reading import read_image
    from braintumor_tf.datasets.resolve import find_dataset
    from braintumor_tf.datasets.sources.download import fetch
    from braintumor_tf.datasets.sources.table import SOURCES, Source, get_source
    from braintumor_tf.datasets.sources.verification import Verification, verify
    from braintumor_tf.datasets.synthetic import (
        read_ground_truth,
        render_patch,
        render_slice,
        write_synthetic,
        write_synthetic_tissue,
    )
    from braintumor_tf.errors import CropError

__all__ = [
    "BINARY_CLASSES",
    "CLASSES",
    "COLUMNS",
    "MODALITIES",
    "NO_TUMOR",
    "SOURCES",
    "TUMOR",
    "CropError",
    "Scan",
    "Source",
    "Verification",
    "fetch",
    "find_dataset",
    "get_source",
    "head_box",
    "head_mask",
    "modality_manifest",
    "read_ground_truth",
    "read_image",
    "read_manifest",
    "render_patch",
    "render_slice",
    "scan",
    "thumbnails",
    "thumbnails_and_pictures",
    "to_binary",
    "verify",
    "write_manifest",
    "write_synthetic",
    "write_synthetic_tissue",
]

__getattr__, __dir__ = lazy_names(__name__)
