"""A folder with every kind of broken and odd file is scanned to its end, and each bad one is named with its reason."""

from __future__ import annotations

import pytest

from braintumor_tf.datasets.manifest import scan
from braintumor_tf.errors import DatasetError
from tests.bad_images import broken_kinds, readable_kinds, write_kinds


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    """Writes a labelled folder with the odd files as one class and the broken ones as another."""
    root = tmp_path_factory.mktemp("scans")
    good = write_kinds(root / "Training" / "glioma", readable_kinds())
    bad = write_kinds(root / "Testing" / "no_tumor", broken_kinds())
    return root, good, {path: kind for path, kind in bad.items() if kind.listed}


@pytest.fixture(scope="module")
def scanned(kinds):
    """Scans it, without a cache."""
    return scan(kinds[0], cache=False, show_progress=False)


def test_every_bad_file_is_named_with_its_reason(kinds, scanned):
    reasons = dict(zip(scanned.unreadable["path"], scanned.unreadable["reason"]))
    assert len(kinds[2]) >= 40
    assert set(reasons) == {str(path) for path in kinds[2]}
    wrong = {kind.name: reasons[str(path)] for path, kind in kinds[2].items() if kind.reason not in reasons[str(path)]}
    assert not wrong


def test_every_odd_file_is_in_the_manifest_with_its_size(kinds, scanned):
    sizes = {row.path: (row.height, row.width) for row in scanned.manifest.itertuples()}
    assert sizes == {str(path): kind.shape for path, kind in kinds[1].items()}
    assert set(scanned.manifest["label"]) == {"glioma"} and set(scanned.manifest["split"]) == {"train"}
    assert scanned.manifest["pixel_hash"].str.len().gt(0).all()


def test_a_second_scan_from_the_cache_says_the_same(kinds, scanned):
    for _ in range(2):
        again = scan(kinds[0], cache=True, show_progress=False)
        assert again.manifest.equals(scanned.manifest)
        assert again.unreadable.equals(scanned.unreadable)


def test_strict_refuses_the_folder(kinds):
    with pytest.raises(DatasetError, match=f"{len(kinds[2])} unreadable files"):
        scan(kinds[0], strict=True, cache=False, show_progress=False)


def test_strict_accepts_a_folder_of_odd_but_sound_files(tmp_path, kinds):
    write_kinds(tmp_path / "glioma", readable_kinds())
    assert len(scan(tmp_path, strict=True, cache=False, show_progress=False).manifest) == len(kinds[1])


def test_a_folder_of_bad_files_alone_is_refused(tmp_path):
    write_kinds(tmp_path / "glioma", [kind for kind in broken_kinds() if kind.name.startswith("cut_")])
    with pytest.raises(DatasetError, match="no labelled image"):
        scan(tmp_path, cache=False, show_progress=False)


def test_a_huge_file_is_refused_unread(tmp_path):
    write_kinds(tmp_path / "glioma", readable_kinds()[:2])
    with open(tmp_path / "glioma" / "huge.jpg", "wb") as file:
        file.truncate(2_000_000_001)
    unreadable = scan(tmp_path, cache=False, show_progress=False).unreadable
    assert "too large" in unreadable["reason"].item()
