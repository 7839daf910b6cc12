"""The caches of descriptions and of links can be lost: damaged, old, full or read-only, they stop nothing."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from braintumor_tf.datasets import cache_file
from braintumor_tf.datasets.cache import DescriptionCache
from braintumor_tf.datasets.cache_file import CacheFile
from braintumor_tf.datasets.manifest import read_manifest, scan, thumbnails, write_manifest
from braintumor_tf.errors import BrainTumorWarning
from braintumor_tf.identity import link_cache
from braintumor_tf.identity.link_cache import LinkCache, code_hash
from tests.calling import call

QUIET = {"show_progress": False}
TABLES, KEYS = {"links": ("tables", "pixel_hash", "found")}, {"links": 2}


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """Eight pictures of two classes, and a cache of their own."""
    monkeypatch.setenv("BRAINTUMOR_TF_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache_file, "_said", set())
    generator = np.random.default_rng(0)
    for number in range(8):
        path = tmp_path / "set" / ("glioma", "no_tumor")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (40, 40), dtype=np.uint8)).save(path)
    return tmp_path / "set"


def place(folder: Path) -> Path:
    return folder.parent / "cache" / "images.sqlite"


def described(folder: Path) -> pd.DataFrame:
    manifest = scan(folder, workers=1, **QUIET).manifest
    thumbnails(manifest, **QUIET)
    return manifest


def said(recwarn) -> list[str]:
    """What was warned of since it was asked last."""
    lines = [str(each.message) for each in recwarn.list if each.category is BrainTumorWarning]
    recwarn.clear()
    return lines


def no_database(path: Path) -> None:
    path.write_bytes(b"no database" * 1000)


def empty_pages(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:] = bytes(len(content) - 4096)
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:6000])


def of_an_older_schema(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE files (path TEXT PRIMARY KEY, md5 TEXT)")
        connection.execute("CREATE TABLE contents (md5 TEXT PRIMARY KEY, width INTEGER)")


@pytest.mark.parametrize("damage", [no_database, empty_pages, cut, of_an_older_schema])
def test_a_damaged_cache_is_made_anew_and_said_in_one_line(folder, recwarn, damage):
    expected = described(folder)
    damage(place(folder))
    assert said(recwarn) == []
    pd.testing.assert_frame_equal(described(folder), expected)
    (line,) = said(recwarn)
    assert line.startswith(f"{place(folder)}: ") and "made anew" in line
    pd.testing.assert_frame_equal(described(folder), expected)
    assert said(recwarn) == []  # it is whole again


def test_a_flipped_byte_changes_no_description(folder, recwarn):
    expected = described(folder)
    whole = place(folder).read_bytes()
    generator, noticed = np.random.default_rng(1), 0
    first = whole.index(expected["phash"][0].encode())  # the value of a row, and anywhere else in the file
    for byte in [first, first + 7, *generator.integers(0, len(whole), 25)]:
        content = bytearray(whole)
        content[byte] ^= 4
        place(folder).write_bytes(content)
        cache_file._said.clear()
        pd.testing.assert_frame_equal(described(folder), expected)
        noticed += bool(said(recwarn))
    assert noticed >= 3


@pytest.mark.parametrize("reason", ["full", "read-only", "a file for the folder"])
def test_a_cache_that_cannot_be_written_is_gone_on_without(folder, recwarn, monkeypatch, reason):
    expected = scan(folder, cache=False, **QUIET).manifest
    if reason == "a file for the folder":
        place(folder).parent.write_text("a file")
    else:
        connect, pages = sqlite3.connect, "PRAGMA max_page_count = 5" if reason == "full" else "PRAGMA query_only = 1"
        DescriptionCache(place(folder).parent).__exit__()  # an empty one is there

        def limited(*words: object, **options: object) -> sqlite3.Connection:
            connection = connect(*words, **options)
            if words[0] != ":memory:":
                connection.execute(pages)
            return connection

        monkeypatch.setattr(sqlite3, "connect", limited)
    said(recwarn)
    pd.testing.assert_frame_equal(described(folder), expected)
    (line,) = said(recwarn)
    assert "going on without" in line and "\n" not in line


def test_two_processes_that_find_it_damaged_leave_one_whole_file(folder):
    expected = described(folder)
    with DescriptionCache(place(folder).parent) as late:
        empty_pages(place(folder))
        place(folder).unlink()
        described(folder)  # another process has made it anew
        late._store._give_up(sqlite3.DatabaseError("database disk image is malformed"))
        assert set(late.contents(expected["md5"])) == set(expected["md5"])


def test_links_of_other_code_or_other_tables_are_not_reused(folder, monkeypatch, recwarn):
    with LinkCache({"a": "1"}, ("origin",)) as links:
        links.add({"p": ("figshare",)})
        assert links.read(["p", "q"]) == {"p": ("figshare",)}
    with LinkCache({"a": "2"}, ("origin",)) as links:
        assert links.read(["p"]) == {}
    with monkeypatch.context() as patch:
        patch.setattr(link_cache, "code_hash", lambda: "other code")
        with LinkCache({"a": "1"}, ("origin",)) as links:
            assert links.read(["p"]) == {}
    empty_pages(folder.parent / "cache" / "published.sqlite")
    no_database(folder.parent / "cache" / "published.sqlite")
    with LinkCache({"a": "1"}, ("origin",)) as links:
        assert links.read(["p"]) == {}
        links.add({"p": ("figshare",)})
        assert links.read(["p"]) == {"p": ("figshare",)}
    assert len(said(recwarn)) == 1


def test_the_code_of_links_is_that_of_matching_and_identity(tmp_path, monkeypatch):
    package = tmp_path / "braintumor_tf"
    for name in ("matching/a.py", "identity/b.py", "identity/tables/t.npz", "report/c.py"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text("1")
    monkeypatch.setattr(link_cache, "__file__", str(package / "identity" / "link_cache.py"))
    found = [code_hash.__wrapped__()]
    for name in ("matching/a.py", "identity/b.py", "identity/tables/t.npz", "report/c.py"):
        (package / name).write_text("2")
        found.append(code_hash.__wrapped__())
    assert found[0] != found[1] != found[2] == found[3] == found[4]


def test_a_row_whose_values_run_into_each_other_is_another_row():
    with CacheFile(None, TABLES, KEYS, what="links") as cache:
        cache.add({"links": [("a", "b", "c")]})
        cache._connection.execute("UPDATE links SET found = 'd'")
        assert cache.rows("links", "tables = ?", ["a"]) == []


# === File names that are no UTF-8 ===


@pytest.fixture
def strange(folder) -> Path:
    """The same folder, with one picture whose name has the byte 0xff."""
    try:
        (folder / "glioma" / "0.png").rename(folder / "glioma" / os.fsdecode(b"0_\xff.png"))
    except OSError:
        pytest.skip("this file system takes no such names")
    return folder


def test_a_name_with_a_strange_byte_is_scanned_cached_and_kept(strange, tmp_path):
    manifest = described(strange)
    assert len(manifest) == 8 and os.path.exists(manifest["path"][0]) and "\udcff" in manifest["path"][0]
    pd.testing.assert_frame_equal(described(strange), manifest)
    with DescriptionCache(place(strange).parent) as cache:
        assert set(cache.files(strange)) == set(manifest["path"])
    text = write_manifest(tmp_path / "manifest.csv", manifest).read_bytes().decode("utf-8")
    assert r"0_\udcff.png" in text
    assert read_manifest(tmp_path / "manifest.csv")["path"].tolist() == manifest["path"].tolist()


def test_the_audit_of_a_strange_name_prints_it_escaped_everywhere(strange, tmp_path):
    (strange / "glioma" / os.fsdecode(b"bad_\xfe.png")).write_bytes(b"no picture")
    page = tmp_path / "audit.html"
    result = call("audit", strange, "--no-link", "--html", page, "--json")
    assert result.exit_code == 0, result.output
    assert r"bad_\udcfe.png" in result.stdout_bytes.decode("utf-8") and r"bad_\udcfe.png" in page.read_text("utf-8")
    assert os.fsdecode(b"bad_\xfe.png") in json.loads(result.stdout)["unreadable_files"][0]["path"]
    assert r"bad_\udcfe.png" in call("audit", strange, "--no-link").stdout_bytes.decode("utf-8")
