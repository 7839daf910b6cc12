"""Fetching without a network: links, messages that say what to do, figshare's download and conversion on made files."""

from __future__ import annotations

import hashlib
import io
import zipfile

import numpy as np
import pandas as pd
import pytest

from braintumor_tf.datasets.reading import read_image
from braintumor_tf.datasets.sources.download import fetch
from braintumor_tf.datasets.sources.figshare import convert_figshare
from braintumor_tf.datasets.sources.table import SOURCES, get_source
from braintumor_tf.errors import DatasetError

kagglehub = pytest.importorskip("kagglehub")
requests = pytest.importorskip("requests")
h5py = pytest.importorskip("h5py")


def _names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(autouse=True)
def no_network(monkeypatch, tmp_path):
    """Makes every connection fail as it does offline, and gives kagglehub an empty cache."""

    def refuse(*_, **__):
        raise requests.ConnectionError("Failed to resolve the host name")

    monkeypatch.setattr(requests.Session, "request", refuse)
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "kaggle_cache"))
    for name in ("KAGGLE_KERNEL_RUN_TYPE", "COLAB_RELEASE_TAG"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("name", [source.name for source in SOURCES])
def test_offline_it_fails_at_once_with_one_line_that_says_what_to_do(name, tmp_path, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: pytest.fail(f"waits for {seconds} seconds"))
    with pytest.raises(DatasetError) as caught:
        fetch(name, data_dir=tmp_path / "data")
    text = str(caught.value)
    assert "no connection" in text and "--dataset DIR" in text and str(tmp_path / "data" / name) in text
    assert get_source(name).url in text and "\n" not in text
    assert not (tmp_path / "data").exists()


def test_an_unknown_name_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="the declared ones are sartaj"):
        fetch("imagenet", data_dir=tmp_path)


def test_a_folder_that_is_there_is_used_without_a_network(tmp_path):
    (tmp_path / "sartaj" / "Training").mkdir(parents=True)
    assert fetch("sartaj", data_dir=tmp_path) == tmp_path / "sartaj"


@pytest.fixture
def kaggle(monkeypatch, tmp_path):
    """Replaces the download by one that finds navoneel's archive in a cache; returns the handles asked for."""
    archive = tmp_path / "cache" / "versions" / "1"
    for folder in ("yes", "no", "brain_tumor_dataset/yes", "brain_tumor_dataset/no"):
        (archive / folder).mkdir(parents=True)
        (archive / folder / "1.jpg").write_text(folder)
    asked = []
    monkeypatch.setattr(requests, "head", lambda *_, **__: None)
    monkeypatch.setattr(kagglehub, "dataset_download", lambda handle: asked.append(handle) or str(archive))
    return asked


def test_a_download_is_linked_without_its_second_copy(kaggle, tmp_path):
    target = fetch("navoneel", data_dir=tmp_path / "data")
    assert target == tmp_path / "data" / "navoneel"
    assert sorted(path.relative_to(target).as_posix() for path in target.rglob("*.jpg")) == ["no/1.jpg", "yes/1.jpg"]
    assert fetch("navoneel", data_dir=tmp_path / "data") == target
    assert kaggle == ["navoneel/brain-mri-images-for-brain-tumor-detection"]
    assert _names(tmp_path / "data") == ["navoneel"]


def test_the_declared_version_is_asked_for(kaggle, tmp_path):
    fetch("masoud", data_dir=tmp_path / "data")
    assert kaggle == ["masoudnickparvar/brain-tumor-mri-dataset/versions/1"]


def test_a_link_to_a_lost_cache_and_an_empty_folder_are_replaced(kaggle, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "navoneel").symlink_to(tmp_path / "gone")
    (data / "sartaj").mkdir()
    assert any(fetch("navoneel", data_dir=data).iterdir()) and any(fetch("sartaj", data_dir=data).iterdir())


def test_where_links_are_impossible_the_cache_is_named(kaggle, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError("A required privilege is not held by the client")

    monkeypatch.setattr("pathlib.Path.symlink_to", refuse)
    assert (
        fetch("navoneel", data_dir=tmp_path / "data") == tmp_path / "cache" / "versions" / "1" / "brain_tumor_dataset"
    )


def test_offline_the_cache_of_kagglehub_serves(tmp_path):
    folder = tmp_path / "kaggle_cache/datasets/ahmedhamada0/brain-tumor-detection"
    (folder / "versions/12/yes").mkdir(parents=True)
    (folder / "versions/12/yes/y1.jpg").write_text("image")
    (folder / "12.complete").touch()
    assert [path.name for path in fetch("br35h", data_dir=tmp_path / "data").iterdir()] == ["yes"]


@pytest.mark.parametrize(
    "error", [requests.HTTPError("403 Client\nError"), zipfile.BadZipFile("bad"), OSError("disk full")]
)
def test_any_other_failure_is_one_line_too(error, kaggle, tmp_path, monkeypatch):
    def fail(_):
        raise error

    monkeypatch.setattr(kagglehub, "dataset_download", fail)
    with pytest.raises(DatasetError, match="Kaggle's download failed") as caught:
        fetch("navoneel", data_dir=tmp_path / "data")
    assert "\n" not in str(caught.value) and not (tmp_path / "data").exists()


def _mat(label: int, patient: str, pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        data = file.create_group("cjdata")
        data["image"] = pixels.T.astype(np.int16)
        data["label"] = np.array([[float(label)]])
        data["PID"] = np.array([[ord(letter)] for letter in patient], np.uint16)
        mask = np.zeros(pixels.shape, np.uint8)
        if label == 2:  # the others have none, as a damaged file may
            mask[3:6, 2:6] = 1
        data["tumorMask"] = mask.T
    return buffer.getvalue()


def _zip(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


PIXELS = np.arange(12 * 10).reshape(12, 10) * 7 + 3


@pytest.fixture
def archive():
    """Returns a zip with three slices of two patients, and the author's folds in it, as figshare's parts are."""
    folds = io.BytesIO()
    with h5py.File(folds, "w") as file:
        file["cvind"] = np.zeros(3)
    slices = {
        f"{n}.mat": _mat(label, patient, PIXELS)
        for n, label, patient in ((1, 1, "100360"), (2, 2, "MR04"), (10, 3, "MR04B"))
    }
    return _zip({**slices, "cvind.mat": folds.getvalue()})


def _check(folder):
    manifest = pd.read_csv(folder / "manifest.csv", dtype=str, keep_default_na=False)
    assert manifest.to_dict("list") == {
        "path": ["glioma/2.png", "meningioma/1.png", "pituitary/10.png"],
        "label": ["glioma", "meningioma", "pituitary"],
        "patient": ["MR04", "100360", "MR04"],
        "visit": ["", "", "B"],
        "lesion_box": ["0.4000 0.3750 0.4000 0.2500", "", ""],
    }
    expected = np.rint((PIXELS - 3) * 255 / np.ptp(PIXELS))
    assert all(np.array_equal(read_image(folder / path), expected) for path in manifest["path"])


@pytest.mark.parametrize("layout", ["zip", "zip in zip", "mat"])
def test_conversion_of_a_downloaded_folder(layout, archive, tmp_path):
    folder = tmp_path / "down" / "deeper"
    folder.mkdir(parents=True)
    if layout == "mat":
        zipfile.ZipFile(io.BytesIO(archive)).extractall(folder)
    else:
        (folder / "1512427.zip").write_bytes(
            archive if layout == "zip" else _zip({"part.zip": archive, "README.txt": b""})
        )
    _check(convert_figshare(tmp_path / "down", tmp_path / "out"))
    assert _names(tmp_path) == ["down", "out"]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.zip", b"PK\x03\x04 cut", "damaged zip file"),
        ("a.mat", b"not HDF5", "no image of figshare's set"),
        ("a.mat", _mat(9, "p", PIXELS), "no image of figshare's set"),
        ("a.txt", b"nothing", "holds no .mat file"),
    ],
)
def test_a_failed_conversion_leaves_nothing(name, content, reason, archive, tmp_path):
    (tmp_path / "down").mkdir()
    if name != "a.txt":
        (tmp_path / "down" / "0.zip").write_bytes(archive)  # sound, and converted before the bad one is met
    (tmp_path / "down" / name).write_bytes(content)
    with pytest.raises(DatasetError, match=reason):
        convert_figshare(tmp_path / "down", tmp_path / "out")
    assert _names(tmp_path) == ["down"]


def test_conversion_never_overwrites(archive, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.png").touch()
    with pytest.raises(DatasetError, match="there already"):
        convert_figshare(tmp_path, tmp_path / "out")


class _Answer:
    """One answer of a made figshare: a listing, or a file from the asked byte on, cut after `limit` bytes."""

    def __init__(self, content, start=0, limit=None, listing=None):
        self.status_code = 206 if start else 200
        self.headers, self._content, self._listing = {"Content-Length": str(len(content))}, content[start:], listing
        self._limit = limit

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def raise_for_status(self):
        return None

    def json(self):
        return self._listing

    def iter_content(self, _):
        yield self._content[: self._limit]
        if self._limit is not None:
            raise requests.ConnectionError("reset by peer")


@pytest.fixture
def host(archive, monkeypatch):
    """Serves the archive as figshare does; `limit` cuts the line, `asked` keeps the byte ranges."""
    state = {"limit": None, "asked": [], "content": archive}
    md5 = hashlib.md5(archive).hexdigest()
    listing = {"files": [{"name": "part.zip", "download_url": "file", "computed_md5": md5}, {"name": "README.txt"}]}

    def get(url, headers=None, **_):
        if url != "file":
            return _Answer(b"", listing=listing)
        wanted = (headers or {}).get("Range", "bytes=0-")
        state["asked"].append(wanted)
        return _Answer(state["content"], int(wanted[6:-1]), state["limit"])

    monkeypatch.setattr(requests, "get", get)
    return state


@pytest.fixture
def three(monkeypatch):
    """Makes the declared figshare set three images large."""
    monkeypatch.setattr("braintumor_tf.datasets.sources.table.Source.images", 3)


def test_a_fetch_is_taken_up_where_it_stopped(host, three, tmp_path):
    host["limit"] = 1000
    with pytest.raises(DatasetError, match="no connection"):
        fetch("figshare", data_dir=tmp_path)
    assert _names(tmp_path) == ["figshare.download"]
    host["limit"] = None
    _check(fetch("figshare", data_dir=tmp_path))
    assert host["asked"] == ["bytes=0-", "bytes=1000-"]
    assert _names(tmp_path) == ["figshare"]


def test_a_damaged_download_is_thrown_away(host, three, tmp_path):
    host["content"] = host["content"][:-1] + b"?"
    with pytest.raises(DatasetError, match="its MD5 is not"):
        fetch("figshare", data_dir=tmp_path)
    assert not list(tmp_path.rglob("*.*p*t*")) and not (tmp_path / "figshare").exists()


def test_too_few_images_are_refused(host, tmp_path):
    with pytest.raises(DatasetError, match="3 images of 3,064"):
        fetch("figshare", data_dir=tmp_path)
    assert not (tmp_path / "figshare").exists()


def test_zip_files_put_there_by_hand_need_no_network(archive, three, tmp_path):
    (tmp_path / "figshare.download").mkdir()
    (tmp_path / "figshare.download" / "1512427.zip").write_bytes(archive)
    _check(fetch("figshare", data_dir=tmp_path))
