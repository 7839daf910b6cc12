"""Volumes and MATLAB files in data sets: rows of slices, their pictures, labels and patients."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import braintumor_tf as bt
from braintumor_tf.datasets import read_image, scan
from braintumor_tf.datasets.content_check import check_contents, read_unchanged
from braintumor_tf.datasets.formats import decode, read_content
from braintumor_tf.errors import DatasetError, ImageReadError, PagesWarning
from tests.datasets.medical.made_volumes import PIXELS, head_volume, matlab_file, nibabel, save

QUIET = {"cache": False, "show_progress": False}


@pytest.fixture(scope="module")
def volumes(tmp_path_factory):
    """Two volumes of 16 slices, of which 4 to 11 show the head, one a class."""
    folder = tmp_path_factory.mktemp("volumes")
    for number, label in enumerate(("glioma", "no_tumor")):
        voxels = head_volume((40, 48, 16), low=3, high=11) * (number + 1)
        (folder / label).mkdir()
        save(folder / label / f"p{number}.nii.gz", voxels.astype(np.int16))
    return folder


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_slice_and_a_picture_of_it_give_the_same_pixels(dtype, tmp_path):
    voxels = np.random.default_rng(3).integers(0, np.iinfo(dtype).max, (30, 20, 9)).astype(dtype)
    path = save(tmp_path / "a.nii.gz", voxels)
    Image.fromarray(np.ascontiguousarray(voxels[:, :, 4].T[::-1, ::-1])).save(tmp_path / "a.png")
    found, wanted = read_image(f"{path}#5"), read_image(tmp_path / "a.png")
    assert found.tobytes() == wanted.tobytes() and found.shape == (20, 30)
    if dtype == np.uint8:
        np.testing.assert_array_equal(found, voxels[:, :, 4].T[::-1, ::-1])
    assert read_image(f"{path}#coronal-5").shape == (9, 30) and read_image(f"{path}#sagittal-5").shape == (9, 20)


def test_a_volume_itself_is_read_as_its_middle_slice_and_that_is_said(volumes):
    path = volumes / "glioma" / "p0.nii.gz"
    with pytest.warns(PagesWarning, match="page or frame 7 of 16 is read"):
        found = read_image(path)
    np.testing.assert_array_equal(found, read_image(f"{path}#7"))
    assert (decode(path).page, decode(path).pages, decode(f"{path}#7").pages) == (7, 16, 1)
    for wrong in ("#0", "#17"):
        with pytest.raises(ImageReadError, match="there are 1 to 16"):
            read_image(f"{path}{wrong}")


def test_missing_values_are_black_and_take_no_part_in_the_scaling(tmp_path):
    voxels = np.linspace(10, 20, 400, dtype=np.float32).reshape(20, 20, 1)
    voxels[:5] = np.nan
    found = read_image(f"{save(tmp_path / 'a.nii', voxels)}#1")
    assert (found[:, 15:] == 0).all() and found.max() == 255 and found[:, :15].min() == 0


@pytest.mark.parametrize(
    ("slices", "wanted"), [("middle", [7]), ("all", range(4, 12)), (3, [5, 8, 10]), (99, range(4, 12))]
)
def test_the_slices_of_a_volume_become_rows_and_none_vanishes_unsaid(slices, wanted, volumes):
    found = scan(volumes, slices=slices, **QUIET)
    paths = [
        f"{volumes}/{label}/p{n}.nii.gz#{number}" for n, label in enumerate(("glioma", "no_tumor")) for number in wanted
    ]
    assert found.manifest["path"].tolist() == sorted(paths) and found.unreadable.empty
    assert (found.manifest["label"] == found.manifest["path"].str.extract(r"/(glioma|no_tumor)/p")[0]).all()
    assert found.manifest["md5"].nunique() == len(paths)
    assert found.manifest[["width", "height"]].drop_duplicates().values.tolist() == [[40, 48]]
    people = ["glioma/p0.nii.gz", "no_tumor/p1.nii.gz"] if len(wanted) > 1 else [""]
    assert sorted(set(found.manifest["patient"])) == people, "a split must divide no head"
    said = " ".join(found.notes)
    assert ("16 show no head and are left out" in said) == (slices != "middle")
    check_contents(found.manifest, splits=None, show_progress=False)


def test_settings_that_mean_nothing_are_refused(volumes):
    for wrong in ({"slices": "some"}, {"slices": 0}, {"plane": "oblique"}):
        with pytest.raises(DatasetError, match="give"):
            scan(volumes, **wrong, **QUIET)


def test_a_volume_that_cannot_be_read_is_named_and_a_pair_is_one_volume(tmp_path):
    voxels = head_volume((40, 40, 9), low=2, high=7)
    for label in ("glioma", "no_tumor"):
        (tmp_path / label).mkdir()
        save(tmp_path / label / "pair.hdr", voxels, kind=nibabel.Nifti1Pair)
    (tmp_path / "glioma" / "b.nii").write_bytes(b"no volume")
    save(tmp_path / "glioma" / "c.nii", np.zeros((9, 9, 9), np.uint8))
    found = scan(tmp_path, plane="coronal", slices=2, **QUIET)
    assert found.manifest["path"].str[len(str(tmp_path)) :].tolist() == [
        f"/{label}/pair.hdr#coronal-{number}"
        for label in ("glioma", "no_tumor")
        for number in (14, 28)  # of 8 to 34
    ]
    assert found.unreadable["reason"].str[:14].tolist() == ["not a NIfTI or", "none of its 9 "]
    assert (found.passed_over["reason"] == "holds the voxels of another file (pair.hdr)").sum() == 2


def test_a_list_may_name_slices_and_volumes(volumes, tmp_path):
    path = volumes / "glioma" / "p0.nii.gz"
    (tmp_path / "a.csv").write_text(f"path,label,patient\n{path}#5,glioma,7\n{path}#9,glioma,7\n{path},no_tumor,7\n")
    found = scan(tmp_path / "a.csv", **QUIET)
    assert found.manifest["path"].tolist() == [f"{path}#{number}" for number in (5, 7, 9)]
    assert set(found.manifest["patient"]) == {"7"}


def test_a_changed_volume_is_noticed_in_its_slices(tmp_path):
    path = save(tmp_path / "a.nii", head_volume((40, 40, 5), low=0, high=5))
    (tmp_path / "a.csv").write_text("path,label\na.nii#2,glioma\n")
    row = scan(tmp_path / "a.csv", **QUIET).manifest.iloc[0]
    assert read_unchanged(row["path"], row["md5"]) == read_content(row["path"]).data
    save(path, head_volume((40, 40, 5), low=3, high=5))
    with pytest.raises(ImageReadError, match="no longer that of the manifest"):
        read_unchanged(row["path"], row["md5"])


def matlab_set(folder, names=("", "")):
    for number, (label, patient) in enumerate(((1, "100360"), (2, "MR04A"), (2, "MR04B"), (3, "9"))):
        below = folder / names[number % 2]
        below.mkdir(parents=True, exist_ok=True)
        pixels = np.kron(PIXELS + number * number, np.ones((4, 4), np.int16))
        matlab_file(below / f"{number}.mat", label=label, patient=patient, pixels=pixels)
    matlab_file(folder / "cvind.mat", struct="cvind")
    return folder


@pytest.mark.parametrize("names", [("", ""), ("brainTumorDataPublic_1-766", "brainTumorDataPublic_767-1532")])
def test_a_plain_folder_of_figshares_files_is_a_labelled_data_set(names, tmp_path):
    found = scan(matlab_set(tmp_path / "set", names), **QUIET)
    assert found.manifest.set_index(found.manifest["path"].str[-5:])[["label", "patient"]].to_dict("index") == {
        "0.mat": {"label": "meningioma", "patient": "100360"}, "1.mat": {"label": "glioma", "patient": "MR04"},
        "2.mat": {"label": "glioma", "patient": "MR04"}, "3.mat": {"label": "pituitary", "patient": "9"},
    }  # fmt: skip
    assert found.manifest["lesion_box"].str.count(" ").eq(3).all()
    assert found.passed_over["path"].str.endswith("cvind.mat").tolist() == [True] and found.unreadable.empty
    assert any("the labels of 4 MATLAB files come from the files themselves" in note for note in found.notes)
    pixels = read_image(found.manifest["path"][0])
    assert pixels.shape == (48, 40) and pixels[0, 0] == 0 and pixels[-1, -1] == 255


def test_the_folder_of_a_known_class_counts_and_a_contradiction_is_said(tmp_path):
    for label in ("glioma", "meningioma"):
        (tmp_path / label).mkdir()
        Image.fromarray(np.full((40, 40), 90, np.uint8)).save(tmp_path / label / "a.png")
    matlab_file(tmp_path / "glioma" / "1.mat", label=1, pixels=np.kron(PIXELS, np.ones((4, 4), np.int16)))
    found = scan(tmp_path, **QUIET)
    assert found.manifest["label"].tolist() == ["glioma", "glioma", "meningioma"]
    assert any("1 MATLAB file in the folder of another class" in note for note in found.notes)
    matlab_file(tmp_path / "glioma" / "2.mat", label=9)
    assert scan(tmp_path, **QUIET).unreadable["reason"].str.contains("label is 9").tolist() == [True]


def test_merged_with_others_slices_are_written_as_pictures_of_the_same_content(volumes, tmp_path):
    for label in ("glioma", "no_tumor"):
        (tmp_path / "pictures" / label).mkdir(parents=True)
        picture = np.random.default_rng(len(label)).integers(0, 255, (64, 64)).astype(np.uint8)
        Image.fromarray(picture).save(tmp_path / "pictures" / label / "a.png")
    merged = bt.merge(volumes, tmp_path / "pictures", slices=2, link=False, **QUIET)
    folder = bt.write_merged(merged, tmp_path / "both", show_progress=False)
    written = scan(folder, **QUIET).manifest
    assert sorted(written["md5"]) == sorted(merged.manifest["md5"]) and len(written) == 6
    assert sorted(path.name for path in folder.rglob("*.pgm")) == ["p0_10.pgm", "p0_6.pgm", "p1_10.pgm", "p1_6.pgm"]


def test_masks_of_volumes_are_no_pictures(tmp_path):
    for name in ("glioma/p1_t1.nii.gz", "glioma/p1_seg.nii.gz", "no_tumor/p2_t1.nii.gz", "no_tumor/p3_t1.nii.gz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        save(tmp_path / name, head_volume((40, 40, 5), low=0, high=5))
    with pytest.raises(DatasetError, match=r"p1_seg lies beside the picture.*--ignore '\*_seg\.\*' leaves 1 out"):
        scan(tmp_path, **QUIET)
    assert len(scan(tmp_path, ignore=["*_seg.*"], **QUIET).manifest) == 3


def test_a_volume_under_another_name_is_told_how_to_be_named(volumes, tmp_path):
    (tmp_path / "glioma").mkdir()
    Image.fromarray(np.full((40, 40), 90, np.uint8)).save(tmp_path / "glioma" / "a.png")
    save(tmp_path / "b.nii", np.ones((9, 9, 9), np.uint8)).rename(tmp_path / "glioma" / "b.dat")
    assert scan(tmp_path, **QUIET).unreadable["reason"].tolist() == [
        "a NIfTI file whose name does not end in .nii; rename it"
    ]
    with pytest.raises(ImageReadError, match=r"a NIfTI volume, which is read where its name ends in \.nii"):
        read_image(tmp_path / "glioma" / "b.dat")
