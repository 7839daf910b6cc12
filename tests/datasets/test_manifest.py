"""From a labelled folder or a CSV to the manifest; the cache; the thumbnails."""

import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from braintumor_tf.datasets import COLUMNS, find_dataset, read_manifest, scan, thumbnails, to_binary, write_manifest
from braintumor_tf.errors import DatasetError, ImageReadError

QUIET = {"show_progress": False}


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Gives every test an empty cache."""
    monkeypatch.setenv("BRAINTUMOR_TF_CACHE", str(tmp_path / "cache"))


def save(path, value=90, size=(40, 30)):
    """A grey ramp; its pixels depend on `value`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.add.outer(np.arange(size[1]), np.arange(size[0])) + value
    Image.fromarray(np.uint8(pixels % 256)).save(path)
    return path


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        (["glioma", "no_tumor"], {("", "glioma"), ("", "no_tumor")}),
        (["Training/glioma_tumor", "Testing/notumor"], {("train", "glioma"), ("test", "no_tumor")}),
        (["train/yes", "val/no", "test/no"], {("train", "tumor"), ("validation", "no_tumor"), ("test", "no_tumor")}),
        (["glioma/train", "no/test"], {("train", "glioma"), ("test", "no_tumor")}),
        (["archive/data/Glioma Tumor", "archive/data/Normal"], {("", "glioma"), ("", "no_tumor")}),
        (
            ["archive/Training/meningioma", "archive/Testing/meningioma"],
            {("train", "meningioma"), ("test", "meningioma")},
        ),
        (["cats", "dogs/images"], {("", "cats"), ("", "dogs")}),
        (["only/glioma"], {("", "glioma")}),
    ],
)
def test_layouts(tmp_path, folders, expected):
    for number, folder in enumerate(folders):
        save(tmp_path / "set" / folder / f"{number}.png", number)
    found = scan(tmp_path / "set", **QUIET).manifest
    assert set(zip(found["split"], found["label"])) == expected
    assert list(found) == list(COLUMNS)


def test_a_row_describes_its_image(tmp_path):
    path = save(tmp_path / "set" / "glioma" / "a.png", size=(50, 20))
    [row] = scan(tmp_path / "set", **QUIET).manifest.to_dict("records")
    assert (row["path"], row["width"], row["height"], row["source"]) == (str(path), 50, 20, "set")
    assert len(row["md5"]) == 32 and len(row["pixel_hash"]) == 32 and len(row["phash"]) == 16 and row["group"] == ""


def test_hidden_files_and_links(tmp_path):
    root = tmp_path / "set"
    save(root / "glioma" / "a.png")
    save(root / "_masks" / "a.png")
    save(root / ".thumbnails" / "glioma" / "a.png")
    (root / "glioma" / "Thumbs.db").write_bytes(b"x")
    (root / "README.txt").write_text("about")
    (root / "glioma" / "loop").symlink_to(root, target_is_directory=True)
    save(root / "loose.png")
    found = scan(root, **QUIET)
    assert [path.rpartition("/")[2] for path in found.manifest["path"]] == ["a.png"]
    assert found.unreadable.empty
    assert {path.removeprefix(f"{root}/"): reason for path, reason in found.passed_over.itertuples(index=False)} == {
        "_masks": "hidden, its name begins with _ (1 file)",
        ".thumbnails": "hidden, its name begins with . (1 file)",
        "glioma/Thumbs.db": "no image file (.db)",
        "README.txt": "no image file (.txt)",
        "glioma/loop": "a link to a folder that is read elsewhere",
        "loose.png": "not in a class folder, so it has no label",
    }


def test_same_pixels_in_other_containers_share_the_pixel_hash(tmp_path):
    image = Image.open(save(tmp_path / "set" / "glioma" / "a.png"))
    image.convert("RGB").save(tmp_path / "set" / "glioma" / "b.bmp")
    image.rotate(180).save(tmp_path / "set" / "glioma" / "c.png")
    found = scan(tmp_path / "set", **QUIET).manifest
    assert found["md5"].nunique() == 3 and found["pixel_hash"].nunique() == 2


def test_csv_with_patients(tmp_path):
    for name in "abc":
        save(tmp_path / "images" / f"{name}.png", ord(name))
    table = pd.DataFrame(
        {
            "path": ["images/a.png", "images/b.png", "images/c.png", "images/gone.png"],
            "label": ["Glioma", "no", "no", "no"],
        }
    ).assign(split=["Training", "Testing", "", ""], patient=["7", "8", "8", "9"])
    table.to_csv(tmp_path / "list.csv", index=False)
    found = scan(tmp_path / "list.csv", **QUIET)
    assert found.manifest["label"].tolist() == ["glioma", "no_tumor", "no_tumor"]
    assert found.manifest["split"].tolist() == ["train", "test", ""]
    assert found.manifest["patient"].tolist() == ["7", "8", "8"] and set(found.manifest["group"]) == {""}
    assert found.unreadable["path"].str.endswith("gone.png").tolist() == [True]


def test_a_manifest_is_written_and_read_back_unchanged(tmp_path):
    save(tmp_path / "set" / "None" / "a.png")
    found = scan(tmp_path / "set", **QUIET).manifest
    write_manifest(tmp_path / "manifest.csv", found)
    pd.testing.assert_frame_equal(read_manifest(tmp_path / "manifest.csv"), found, check_dtype=False)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda root: None, "no such folder"),
        (lambda root: root.mkdir(), "is empty; expected class/image"),
        (lambda root: save(root / "a.png"), "1 image, but no class folder"),
        (lambda root: root.with_suffix(".csv").write_text("file,label\n"), "lacks the column path"),
    ],
)
def test_errors_say_what_to_do(tmp_path, make, message):
    root = tmp_path / "set"
    make(root)
    with pytest.raises(DatasetError, match=message):
        scan(root.with_suffix(".csv") if root.with_suffix(".csv").exists() else root, **QUIET)


def test_read_manifest_refuses_other_tables(tmp_path):
    (tmp_path / "x.csv").write_text("path,label\n")
    with pytest.raises(DatasetError, match="not a manifest, it lacks the column split"):
        read_manifest(tmp_path / "x.csv")


@pytest.fixture
def decoded(monkeypatch):
    """The contents that Pillow was asked to open; a bitmap is opened once, a PNG also to be verified."""
    contents = []
    original = Image.open

    def counting(file, *arguments, **options):
        if hasattr(file, "getvalue"):
            contents.append(file.getvalue())
        return original(file, *arguments, **options)

    monkeypatch.setattr(Image, "open", counting)
    return contents


def test_a_second_scan_decodes_nothing_and_finds_the_same(tmp_path, decoded):
    for number in range(5):
        save(tmp_path / "set" / "glioma" / f"{number}.bmp", number)
    (tmp_path / "set" / "glioma" / "bad.jpg").write_bytes(b"no image")
    first = scan(tmp_path / "set", **QUIET)
    assert sorted(decoded) == sorted(path.read_bytes() for path in (tmp_path / "set" / "glioma").iterdir())
    decoded.clear()
    second = scan(tmp_path / "set", **QUIET)
    assert not decoded
    pd.testing.assert_frame_equal(first.manifest, second.manifest)
    pd.testing.assert_frame_equal(first.unreadable, second.unreadable)


def test_changed_files_are_read_again_and_copies_are_not_decoded(tmp_path, decoded):
    path = save(tmp_path / "set" / "glioma" / "a.bmp", 1)
    before = path.read_bytes()
    scan(tmp_path / "set", **QUIET)
    shutil.copy(path, tmp_path / "set" / "glioma" / "copy.bmp")
    assert scan(tmp_path / "set", **QUIET).manifest["md5"].nunique() == 1
    assert decoded == [before]
    save(path, 2)
    assert scan(tmp_path / "set", **QUIET).manifest["md5"].nunique() == 2
    assert decoded == [before, path.read_bytes()]


def test_without_the_cache_every_scan_decodes(tmp_path, decoded):
    path = save(tmp_path / "set" / "glioma" / "a.bmp", 200)
    for _ in range(2):
        scan(tmp_path / "set", cache=False, **QUIET)
    assert decoded == [path.read_bytes()] * 2


def test_the_number_of_workers_does_not_matter(tmp_path):
    for number in range(20):
        save(tmp_path / "set" / "glioma" / f"{number}.png", number)
    one, many = (scan(tmp_path / "set", cache=False, workers=workers, **QUIET).manifest for workers in (1, 5))
    pd.testing.assert_frame_equal(one, many)


def test_an_interrupted_scan_keeps_most_of_what_was_finished(tmp_path, monkeypatch, decoded):
    paths = [save(tmp_path / "set" / "glioma" / f"{number:03}.bmp", number, (30, 1 + number)) for number in range(300)]
    last, counting = paths[-1].read_bytes(), Image.open

    def interrupted(file, *arguments, **options):
        if file.getvalue() == last:
            raise KeyboardInterrupt
        return counting(file, *arguments, **options)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Image, "open", interrupted)
        scan(tmp_path / "set", workers=1, **QUIET)
    decoded.clear()
    assert len(scan(tmp_path / "set", **QUIET).manifest) == 300
    assert last in decoded and len(decoded) < 100


def test_thumbnails_come_in_order_with_and_without_cache(tmp_path):
    for number in range(4):
        save(tmp_path / "set" / "glioma" / f"{number}.png", number * 40, size=(128, 128))
    cached = scan(tmp_path / "set", **QUIET).manifest
    expected = [np.asarray(Image.open(path).resize((64, 64), Image.Resampling.BOX)) for path in cached["path"]]
    np.testing.assert_array_equal(thumbnails(cached), expected)
    np.testing.assert_array_equal(thumbnails(cached.iloc[::-1]), expected[::-1])


def test_thumbnails_refuse_a_file_that_changed_since(tmp_path):
    path = save(tmp_path / "set" / "glioma" / "a.png", 7, size=(33, 33))
    manifest = scan(tmp_path / "set", cache=False, **QUIET).manifest
    save(path, 8, size=(34, 34))
    with pytest.raises(ImageReadError, match="scan the folder again"):
        thumbnails(manifest)


def test_to_binary(tmp_path):
    for label in ("glioma", "pituitary", "no_tumor"):
        save(tmp_path / "set" / label / "a.png")
    assert to_binary(scan(tmp_path / "set", **QUIET).manifest)["label"].tolist() == ["tumor", "no_tumor", "tumor"]


@pytest.mark.parametrize("label", ["idc", "tumour", ""])
def test_to_binary_refuses_a_class_that_may_be_no_tumour(label):
    rows = pd.DataFrame({"label": ["glioma", "no_tumor", "tumor", label]})
    with pytest.raises(DatasetError, match=f"the class {label or 'without a name'} is not known to be a tumour"):
        to_binary(rows)


def test_a_declared_source_is_read_by_its_own_layout(tmp_path):
    root = tmp_path / "data" / "breast_histopathology"
    for patient in ("10253", "9036"):
        for name in "01":
            save(root / patient / name / f"{patient}_{name}.png", int(patient[:2]) + int(name))
    save(root / "IDC_regular_ps50_idx5" / "10253" / "0" / "again.png")
    found = find_dataset("breast_histopathology", data_dir=tmp_path / "data", **QUIET).manifest
    assert sorted(zip(found["label"], found["patient"])) == [
        ("idc", "10253"), ("idc", "9036"), ("no_idc", "10253"), ("no_idc", "9036"),
    ]  # fmt: skip
    assert set(found["source"]) == {"breast_histopathology"}


def test_a_source_with_a_listing_is_read_by_it(tmp_path):
    save(tmp_path / "data" / "figshare" / "glioma" / "1.png")
    (tmp_path / "data" / "figshare" / "manifest.csv").write_text("path,label,patient\nglioma/1.png,glioma,MR7\n")
    found = find_dataset("figshare", data_dir=tmp_path / "data", **QUIET).manifest
    assert found["patient"].tolist() == ["MR7"]


def test_load_names_what_is_known(tmp_path):
    with pytest.raises(DatasetError, match="braintumor-tf datasets fetch sartaj"):
        find_dataset("sartaj", data_dir=tmp_path)
    with pytest.raises(
        DatasetError, match="neither a folder, a CSV nor a known data set .synthetic, synthetic_histopathology, sartaj"
    ):
        find_dataset("nonsense", data_dir=tmp_path)


def test_load_synthetic_writes_it_once(tmp_path):
    small = {"patients_per_class": 2, "slices_per_patient": 2, "image_size": (96, 96)}
    first = find_dataset("synthetic", data_dir=tmp_path, synthetic=small, **QUIET)
    again = find_dataset("synthetic", data_dir=tmp_path, synthetic=small, **QUIET)
    assert set(first.manifest["label"]) == {"glioma", "meningioma", "no_tumor", "pituitary"}
    pd.testing.assert_frame_equal(first.manifest, again.manifest)
