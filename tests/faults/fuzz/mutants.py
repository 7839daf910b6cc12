"""Inputs that are nearly sound: files with changed bytes, JSON with changed values, tables with changed cells."""

from __future__ import annotations

import csv
import io
import json
import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from hypothesis import strategies as st

Mutant = tuple[str, bytes]
"""The name of a sound file, and what it holds when it is changed."""

_NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 20_000, 1 << 24, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_PACKINGS = ("B", "<H", ">H", "<I", ">I")
_CELLS = (
    *("", " ", "nan", "NaN", "NA", "None", "null", "inf", "-1", "0", "0.5", "1e400", "9" * 400, "true", "glioma"),
    *("é", "\u202e", "\0", "a\nb", "a\rb", '"', '""', ",", ";", "\t", "=1+1", "<b>", "a" * 5000),
    *("..\\a.png", "C:\\a\\b.png", "../../a.png", "/", "/dev/zero", "~", "file:///a.png", "train", "patient:7"),
)
_ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252")

any_text = st.text(max_size=20) | st.sampled_from(_CELLS)
"""Text for a label, a path, a patient: any character but lone surrogates, and what often goes wrong."""

any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def changed_bytes(draw: st.DrawFn, data: bytes, other: bytes = b"") -> bytes:
    """Changes bytes in one to six places: numbers, cuts, insertions, repetitions, or the rest of another file."""
    for _ in range(draw(st.integers(1, 6))):
        size = len(data)
        place = draw(st.integers(0, min(64, size)) | st.integers(0, size))
        length = draw(st.integers(1, 8) | st.integers(1, max(1, size)))
        kind = draw(st.sampled_from(("bit", "number", "number", "cut", "insert", "repeat", "truncate", "splice")))
        if kind == "bit" and place < size:
            data = data[:place] + bytes([data[place] ^ (1 << length % 8)]) + data[place + 1 :]
        elif kind == "number":
            form = draw(st.sampled_from(_PACKINGS))
            value = draw(st.sampled_from(_NUMBERS)) & ((1 << 8 * struct.calcsize(form)) - 1)
            data = data[:place] + struct.pack(form, value) + data[place + struct.calcsize(form) :]
        elif kind == "cut":
            data = data[:place] + data[place + length :]
        elif kind == "insert":
            data = data[:place] + draw(st.binary(min_size=1, max_size=16)) + data[place:]
        elif kind == "repeat":
            data = data[: place + length] + data[place : place + length] * draw(st.integers(1, 50)) + data[place:]
        elif kind == "truncate":
            data = data[:place]
        elif kind == "splice":
            data = data[:place] + other[place:]
    return with_sums(data) if draw(st.booleans()) else data


def with_sums(data: bytes) -> bytes:
    """Gives the chunks of a PNG their checksums again, so that changed chunks are read; other files stay so."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    done, place = data[:8], 8
    while place + 8 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        body = data[place + 4 : place + 8 + length]
        if place + 12 + length > len(data):
            break
        done += data[place : place + 4] + body + struct.pack(">I", zlib.crc32(body))
        place += 12 + length
    return done + data[place:]


@st.composite
def changed_json(draw: st.DrawFn, text: bytes) -> bytes:
    """Gives one or two values of a JSON file another value, leaves them out, or nests them deep."""
    value = json.loads(text)
    for _ in range(draw(st.integers(1, 2))):
        places = list(_places(value))
        if not places:
            break
        holder, key = places[draw(st.integers(0, len(places) - 1))]
        kind = draw(st.sampled_from(("value", "value", "value", "leave out", "name")))
        if kind == "value":
            holder[key] = draw(any_json)
        elif kind == "leave out":
            del holder[key]
        elif isinstance(holder, dict):
            holder[draw(any_text)] = holder.pop(key)
    made = json.dumps(value, ensure_ascii=draw(st.booleans())).encode()
    return draw(st.sampled_from((made,) * 8 + (b"[" * 100_000, b"null", b"[]", b"", made.decode().encode("utf-16"))))


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


@st.composite
def changed_table(draw: st.DrawFn, text: bytes) -> bytes:
    """Changes cells, rows and columns of a CSV, its separator or its encoding."""
    rows = list(csv.reader(io.StringIO(text.decode(), newline="")))
    for _ in range(draw(st.integers(1, 4))):
        row = rows[draw(st.integers(0, len(rows) - 1))]
        place = draw(st.integers(0, max(0, len(row) - 1)))
        kind = draw(st.sampled_from(("cell", "cell", "cell", "cell", "cut", "more", "twice", "column", "none")))
        if kind == "cell" and row:
            row[place] = draw(any_text)
        elif kind == "cut":
            del row[place:]
        elif kind == "more":
            row.extend(draw(st.lists(any_text, max_size=3)))
        elif kind == "twice":
            rows.append(list(row))
        elif kind == "column":
            rows = [each[:place] + each[place + 1 :] for each in rows]
        elif kind == "none":
            rows = rows[:1]
    written = io.StringIO(newline="")
    ends = draw(st.sampled_from(("\n", "\r\n")))
    csv.writer(written, delimiter=draw(st.sampled_from(",,,,;\t")), lineterminator=ends).writerows(rows)
    return written.getvalue().encode(draw(st.sampled_from(_ENCODINGS)), errors="replace")


def mutants(files: Mapping[str, bytes]) -> st.SearchStrategy[Mutant]:
    """Returns one changed file of several: by its bytes, and where it is JSON or CSV also by its values.

    Args:
        files: sound files by name.
    """
    names = sorted(files)

    def change(pair: tuple[str, str]) -> st.SearchStrategy[Mutant]:
        name, other = pair
        ways = [changed_bytes(files[name], files[other])]
        structured = {".json": changed_json, ".csv": changed_table}.get(name[name.rfind(".") :])
        if structured:
            ways += [structured(files[name])] * 2
        return st.tuples(st.just(name), st.one_of(ways))

    return st.tuples(st.sampled_from(names), st.sampled_from(names)).flatmap(change)
