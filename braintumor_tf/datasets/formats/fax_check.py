"""Whether the pixels of a fax-coded TIFF are those that were stored: its decoder goes on after an error."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageChops

from braintumor_tf.datasets.formats.tiff_header import FAX, TiffHeader

_END = {2: 0, 3: 0, 4: 24}
"""Bits behind the pixels of a strip: Group 4 ends with two end-of-line codes."""

_REVERSED = bytes(int(f"{number:08b}"[::-1], 2) for number in range(256))


def is_intact(image: Image.Image, header: TiffHeader, data: bytes) -> bool:
    """Whether a picture that was decoded from fax codes gives the same codes when it is coded again.

    Group 3 and Group 4 (ITU-T T.4 and T.6) prescribe one code for each row. libtiff's decoder only prints its errors
    and goes on, so a damaged file would be taken for a sound one. What a writer coded in an unusual way cannot be told
    from damage, and neither can tiles; it counts as damaged, too.

    Args:
        image: what was decoded, of mode ``1``.
        header: of the file; its compression is one of `FAX`.
        data: the file's bytes.
    """
    if header.tiled or not header.rows or len(header.places) != -(-header.height // header.rows):
        return False
    if header.photometric == 0:  # Pillow hands out black as 0, whatever the file means by 0
        image = ImageChops.invert(image)
    for number, (start, size) in enumerate(header.places):
        upper = number * header.rows
        strip = image.crop((0, upper, header.width, min(upper + header.rows, header.height)))
        stored = data[start : start + size]
        if not _same(stored.translate(_REVERSED) if header.fill_order == 2 else stored, _coded(strip, header), header):
            return False
    return True


def _coded(strip: Image.Image, header: TiffHeader) -> bytes:
    """Returns the codes of a strip as libtiff writes them."""
    file = io.BytesIO()
    options = {278: strip.height, **({292: header.fax_options} if header.compression == 3 else {})}
    strip.save(file, "TIFF", compression=FAX[header.compression], tiffinfo=options, strip_size=1 << 30)
    with Image.open(file) as made:
        start, size = made.tag_v2[273][0], made.tag_v2[279][0]
    return file.getvalue()[start : start + size]


def _same(stored: bytes, coded: bytes, header: TiffHeader) -> bool:
    """Whether stored codes begin with those of the pixels; what follows, an end mark or nothing, is left open."""
    wanted = np.unpackbits(np.frombuffer(coded, np.uint8))
    ones = np.flatnonzero(wanted)
    wanted = wanted[: max(int(ones[-1]) + 1 - _END[header.compression], 0)] if len(ones) else wanted
    found = np.unpackbits(np.frombuffer(stored, np.uint8))[: len(wanted)]
    return np.array_equal(wanted, found)
