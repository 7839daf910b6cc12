"""Which training or validation image a picture is: the same file, the same pixels, or the picture encoded again."""

from __future__ import annotations

import imagehash
import numpy as np
import pandas as pd
from PIL import Image

from braintumor_tf.datasets.descriptions import pixel_hash, thumbnail
from braintumor_tf.datasets.reading import open_image
from braintumor_tf.errors import ImageReadError
from braintumor_tf.matching.fingerprints import DISTANCE, SAME_PICTURE, normalised
from braintumor_tf.matching.hamming_search import to_bits

MOST = 5
"""Images with the nearest fingerprints that a picture is compared with."""


class SeenPictures:
    """The training and validation images of a run, to be recognised.

    A picture is one of them if its bytes or its grey pixels are the same. It is also one of them if their perceptual
    hashes differ in at most `DISTANCE` bits and their thumbnails correlate at `SAME_PICTURE` or more: the picture in
    another encoding, size or brightness. A neighbouring slice correlates less. Files that have gone are not compared.

    Args:
        manifest: of a run; only its splits ``train`` and ``validation`` are used.
    """

    def __init__(self, manifest: pd.DataFrame):
        seen = manifest[manifest["split"].isin(["train", "validation"])]
        self._exact = {
            value: path for column in ("pixel_hash", "md5") if column in seen
            for value, path in zip(seen[column], seen["path"]) if value
        }  # fmt: skip
        hashed = seen[seen["phash"].fillna("") != ""] if "phash" in seen else seen[:0]
        self._paths = hashed["path"].to_numpy() if len(hashed) else np.empty(0, object)
        self._bits = to_bits(hashed["phash"]) if len(hashed) else np.empty(0, np.uint64)
        self._thumbnails: dict[str, np.ndarray | None] = {}

    def find(self, image: Image.Image, md5: str = "") -> str:
        """Returns the path of the image that a picture is, or an empty text.

        Args:
            image: of mode ``L`` or ``RGB``.
            md5: of its file's bytes, where there is a file.
        """
        if md5 in self._exact:
            return self._exact[md5]
        grey = image.convert("L")
        exact = self._exact.get(pixel_hash(np.asarray(grey)), "")
        return exact or (self._same_picture(grey) if len(self._bits) else "")

    def _same_picture(self, grey: Image.Image) -> str:
        distances = np.bitwise_count(self._bits ^ to_bits([str(imagehash.phash(grey))]))
        nearest = np.argsort(distances, kind="stable")[:MOST]
        near = nearest[distances[nearest] <= DISTANCE]
        if not len(near):
            return ""
        small = [self._thumbnail(path) for path in self._paths[near]]
        kept = [place for place, each in enumerate(small) if each is not None]
        if not kept:
            return ""
        own, *others = normalised(np.stack([thumbnail(grey), *(small[place] for place in kept)]))
        alike = np.array([own @ other for other in others])
        best = int(alike.argmax())
        return str(self._paths[near[kept[best]]]) if alike[best] >= SAME_PICTURE else ""

    def _thumbnail(self, path: str) -> np.ndarray | None:
        """Reads an image's thumbnail once; None where its file has gone."""
        if path not in self._thumbnails:
            try:
                self._thumbnails[path] = thumbnail(open_image(path).convert("L"))
            except ImageReadError:
                self._thumbnails[path] = None
        return self._thumbnails[path]
