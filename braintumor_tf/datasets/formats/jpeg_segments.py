"""The segments of a JPEG, read without decoding it."""

from __future__ import annotations

from collections.abc import Iterator

SCAN = 0xDA
"""The marker before the coded data of a scan."""

_END = 0xD9
_NO_SEGMENT = (0x00, 0x01, *range(0xD0, 0xD9), 0xFF)
_FRAMES = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0))
_LOSSLESS = (0xC3, 0xC7, 0xCB, 0xCF)


def segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Yields the marker and the place of the body of each segment; bytes between segments are passed over."""
    place = 2
    while 0 <= (place := data.find(b"\xff", place)) < len(data) - 3:
        marker = data[place + 1]
        if marker == _END:
            return
        if marker in _NO_SEGMENT:
            place += 1 if marker == 0xFF else 2
            continue
        yield marker, place + 4
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")


def count_scans(data: bytes) -> int:
    """Returns how many scans a JPEG sends its pixels in.

    Example:
        >>> count_scans(bytes.fromhex("ffd8 ffda0004aabb 01ff0002 ffda0004aabb 03 ffd9"))
        2
    """
    return sum(marker == SCAN for marker, _ in segments(data))


def unread_kind(data: bytes) -> str:
    """Returns which kind of JPEG that no decoder here takes it is, in words; "" for none of them."""
    for marker, body in segments(data):
        if marker in _LOSSLESS:
            return "a lossless JPEG"
        if marker in _FRAMES:
            return f"a JPEG of {data[body]} bits a sample" if data[body : body + 1] not in (b"", b"\x08") else ""
    return ""


def frame_size(data: bytes) -> tuple[int, int] | None:
    """Returns the height and the width that a JPEG says it has; None where it says nothing."""
    for marker, body in segments(data):
        if marker in _FRAMES:
            return int.from_bytes(data[body + 1 : body + 3], "big"), int.from_bytes(data[body + 3 : body + 5], "big")
    return None
