"""What the first page of a TIFF says of its pixels, before they are decoded, and how many pages there are."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

from PIL.TiffImagePlugin import ImageFileDirectory_v2

MAX_PAGES = 10_000
"""Pages are counted up to this number."""

UNSIGNED, SIGNED, FLOAT = 1, 2, 3
"""Values of the tag SampleFormat."""

FAX = {2: "tiff_ccitt", 3: "group3", 4: "group4"}
"""Values of the tag Compression for the codings of fax machines (ITU-T T.4 and T.6), with Pillow's names of them."""

_JPEG = 7
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 256, 257, 258, 259, 262, 266
_STRIP_OFFSETS, _SAMPLES, _ROWS, _STRIP_COUNTS, _PLANAR, _FAX_OPTIONS = 273, 277, 278, 279, 284, 292
_TILE_OFFSETS, _TILE_COUNTS, _SAMPLE_FORMAT = 324, 325, 339


@dataclass(frozen=True)
class TiffHeader:
    """The tags that decide how pixels are read; what a file leaves out has the value that TIFF 6.0 gives it.

    Attributes:
        width: in pixels.
        height: in pixels.
        bits: of one sample.
        sample_format: `UNSIGNED`, `SIGNED`, `FLOAT`, or another number.
        samples: of one pixel.
        photometric: 0 where the lowest value is white, 1 where it is black, 2 for RGB, and others.
        planar: 1 where the samples of a pixel lie together, 2 where each has a plane.
        compression: the tag's value.
        rows: of one strip.
        fill_order: 2 where the bits of each byte come the other way round.
        fax_options: the tag T4Options.
        tiled: whether there are tiles in place of strips.
        places: first byte and number of bytes of each strip or tile.
    """

    width: int
    height: int
    bits: int = 1
    sample_format: int = UNSIGNED
    samples: int = 1
    photometric: int = 1
    planar: int = 1
    compression: int = 1
    rows: int = 1
    fill_order: int = 1
    fax_options: int = 0
    tiled: bool = False
    places: tuple[tuple[int, int], ...] = ()

    @property
    def deep(self) -> bool:
        """Whether samples are not unsigned numbers of at most 8 bits."""
        return self.bits > 8 or self.sample_format in (SIGNED, FLOAT)

    def jpeg_streams(self, data: bytes) -> Iterator[bytes]:
        """Yields the JPEG data of each strip or tile of a file; nothing where pixels are stored otherwise."""
        if self.compression == _JPEG:
            yield from (data[start : start + size] for start, size in self.places)

    def kind(self) -> str:
        """Returns in words what samples it has."""
        name = {SIGNED: "signed", FLOAT: "float", 5: "complex", 6: "complex"}.get(
            self.sample_format, "unsigned" if self.deep else ""
        )
        planes = " in planes" if self.planar == 2 and self.samples > 1 else ""
        return " ".join(f"a TIFF of {self.samples} x {self.bits}-bit {name} samples a pixel{planes}".split())


def read_header(data: bytes) -> TiffHeader | None:
    """Reads the header of a TIFF's first page; None where it is damaged.

    Args:
        data: the file's bytes.
    """
    try:
        file = io.BytesIO(data)
        directory = ImageFileDirectory_v2(file.read(16 if data[2] == 43 or data[3] == 43 else 8))
        file.seek(directory.next)
        directory.load(file)
        return _header(directory)
    except MemoryError:
        raise
    except Exception:  # a damaged directory makes Pillow raise nearly any type
        return None


def _header(tags: ImageFileDirectory_v2) -> TiffHeader:
    def first(tag: int, default: int) -> int:
        value = tags.get(tag, default)
        return int(value[0] if isinstance(value, tuple) else value)

    tiled = _TILE_OFFSETS in tags
    offsets, counts = (_TILE_OFFSETS, _TILE_COUNTS) if tiled else (_STRIP_OFFSETS, _STRIP_COUNTS)
    height = first(_HEIGHT, 0)
    return TiffHeader(
        width=first(_WIDTH, 0),
        height=height,
        bits=first(_BITS, 1),
        sample_format=first(_SAMPLE_FORMAT, UNSIGNED),
        samples=first(_SAMPLES, 1),
        photometric=first(_PHOTOMETRIC, 1),
        planar=first(_PLANAR, 1),
        compression=first(_COMPRESSION, 1),
        rows=min(first(_ROWS, height), height),
        fill_order=first(_FILL_ORDER, 1),
        fax_options=first(_FAX_OPTIONS, 0),
        tiled=tiled,
        places=tuple(zip(_all(tags, offsets), _all(tags, counts))),
    )


def _all(tags: ImageFileDirectory_v2, tag: int) -> tuple[int, ...]:
    value = tags.get(tag, ())
    return value if isinstance(value, tuple) else (value,)


def count_pages(data: bytes) -> int:
    """Returns how many pages a TIFF has, `MAX_PAGES` at most; a chain that is damaged or comes back ends where it does.

    Args:
        data: the file's bytes.
    """
    order = "little" if data[:2] == b"II" else "big"
    big = 43 in data[2:4]
    offset_size, count_size, entry_size = (8, 8, 20) if big else (4, 2, 12)

    def number(place: int, size: int) -> int:
        return int.from_bytes(data[place : place + size], order)

    seen: set[int] = set()
    place = number(8 if big else 4, offset_size)
    while place and place not in seen and place + count_size <= len(data) and len(seen) < MAX_PAGES:
        seen.add(place)
        place = number(place + count_size + entry_size * number(place, count_size), offset_size)
    return max(len(seen), 1)
