"""NIfTI and MGH volumes: which way round slices lie, which show the head, what is refused."""

from __future__ import annotations

import gzip
import itertools
import struct
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from braintumor_tf.datasets.formats.medical import inflated
from braintumor_tf.datasets.formats.medical.head_slices import middle_slice, slices_with_head
from braintumor_tf.datasets.formats.medical.nifti import open_volume
from braintumor_tf.datasets.formats.medical.orientation import PLANES
from braintumor_tf.errors import ImageDecodeError, ImageReadError
from tests.datasets.medical.made_volumes import head_volume, nibabel, save

DATA = Path(nibabel.__file__).parent / "tests" / "data"
ORDERS = [(axes, signs) for axes in itertools.permutations(range(3)) for signs in itertools.product((1, -1), repeat=3)]
UP = {"axial": 1, "coronal": 2, "sagittal": 2}
ACROSS = {"axial": 2, "coronal": 1, "sagittal": 0}


def affine_of(axes, signs, shape):
    """The affine of a volume whose axis n points to anatomical axis `axes[n]`, with the given sign."""
    affine = np.zeros((4, 4))
    for axis, (target, sign) in enumerate(zip(axes, signs)):
        affine[target, axis] = sign * (1.0, 1.5, 3.0)[target]
    affine[:3, 3] = -affine[:3, :3] @ (np.array(shape) - 1) / 2
    affine[3, 3] = 1
    return affine


def by_hand(voxels, affine, number, plane):
    """The picture that the documentation describes, put together voxel by voxel from millimetres in the patient."""
    places = np.indices(voxels.shape).reshape(3, -1)
    millimetres = (affine @ np.vstack([places, np.ones(places.shape[1])]))[:3].round(4)
    ranks = [np.unique(axis, return_inverse=True)[1] for axis in millimetres]
    chosen = ranks[ACROSS[plane]] == number - 1
    up = ranks[UP[plane]][chosen]
    left = ranks[1 if plane == "sagittal" else 0][chosen]  # anterior, or the patient's right, is on the left
    picture = np.zeros((up.max() + 1, left.max() + 1), voxels.dtype)
    picture[up.max() - up, left.max() - left] = voxels.reshape(-1)[chosen]
    return picture


@pytest.mark.parametrize("axes, signs", ORDERS)
def test_every_order_and_flip_of_the_axes_shows_the_same_side(axes, signs, tmp_path):
    voxels = np.random.default_rng(7).permutation(5 * 6 * 7).reshape(5, 6, 7).astype(np.int16)
    affine = affine_of(axes, signs, voxels.shape)
    save(tmp_path / "a.nii", voxels, affine)
    with open_volume(tmp_path / "a.nii") as volume:
        for plane in PLANES:
            count = voxels.shape[axes.index(ACROSS[plane])]
            assert volume.count(plane) == count
            for number in (1, 2, count):
                found = volume.read(number, plane)
                assert np.array_equal(found, by_hand(voxels, affine, number, plane)), (plane, number)
                assert found.dtype == np.int16 and found.flags.c_contiguous


@pytest.mark.parametrize(("side", "plane", "half"), [
    ((-20, 0, 0), "axial", np.s_[:, 21:]), ((20, 0, 0), "axial", np.s_[:, :20]), ((0, 20, 0), "axial", np.s_[:20]),
    ((-20, 0, 0), "coronal", np.s_[:, 21:]), ((0, 0, 20), "coronal", np.s_[:20]),
    ((0, 20, 0), "sagittal", np.s_[:, :20]), ((0, 0, 20), "sagittal", np.s_[:20]),
])  # fmt: skip
def test_a_marker_at_the_left_lies_where_the_documentation_says(side, plane, half, tmp_path):
    voxels, affine = np.zeros((41, 41, 41), np.uint8), np.diag([-1.0, 1, 1, 1])
    affine[:3, 3] = 20, -20, -20  # stored from left to right in the way of a radiologist
    voxels[tuple((np.linalg.inv(affine) @ [*side, 1])[:3].astype(int))] = 255
    save(tmp_path / "a.nii.gz", voxels, affine)
    with open_volume(tmp_path / "a.nii.gz") as volume:
        assert volume.read(21, plane)[half].max() == 255


@pytest.mark.parametrize("name", ["anatomical.nii", "example_nifti2.nii.gz", "reoriented_anat_moved.nii", "test.mgz"])
def test_published_volumes_are_those_of_nibabel_made_canonical(name, tmp_path):
    image = nibabel.load(DATA / name)
    image = image if image.ndim == 3 else image.slicer[..., 0]
    path = save(tmp_path / name, np.asarray(image.dataobj), image.affine, type(image))
    wanted = np.asarray(nibabel.as_closest_canonical(nibabel.load(path)).dataobj)
    cuts = {"axial": wanted[:, :, 1], "coronal": wanted[:, 1], "sagittal": wanted[1]}
    with open_volume(path) as volume:
        for plane, cut in cuts.items():
            np.testing.assert_array_equal(volume.read(2, plane), cut.T[::-1, ::-1])


def test_one_slice_of_a_file_reads_no_other(tmp_path):
    save(tmp_path / "a.nii", np.zeros((200, 200, 200), np.int16))
    tracemalloc.start()
    with open_volume(tmp_path / "a.nii") as volume:
        volume.read(150, "axial")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000  # of the 16,000,000 bytes of the volume


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".img", ".hdr", ".mgh", ".mgz"])
def test_every_kind_of_file_gives_the_same_slices(ending, tmp_path):
    voxels = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
    kind = {".img": nibabel.Nifti1Pair, ".hdr": nibabel.Nifti1Pair}.get(ending, nibabel.Nifti1Image)
    save(tmp_path / f"a{ending}", voxels, kind=nibabel.MGHImage if ending[1:3] == "mg" else kind)
    with open_volume(tmp_path / f"a{ending}") as volume:
        np.testing.assert_array_equal(volume.read(3, "axial"), voxels[:, :, 2].T[::-1, ::-1])


def test_the_content_decides_whether_a_file_is_compressed(tmp_path):
    voxels = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)
    plain = save(tmp_path / "a.nii", voxels).read_bytes()
    (tmp_path / "b.nii.gz").write_bytes(plain)
    (tmp_path / "c.nii").write_bytes(gzip.compress(plain))
    for name in ("b.nii.gz", "c.nii"):
        with open_volume(tmp_path / name) as volume:
            np.testing.assert_array_equal(volume.read(1, "sagittal"), voxels[0].T[::-1, ::-1])


def test_slope_and_intercept_are_applied(tmp_path):
    image = nibabel.Nifti1Image(np.arange(27, dtype=np.int16).reshape(3, 3, 3), np.eye(4))
    image.header.set_slope_inter(2.0, -1000)
    nibabel.save(image, tmp_path / "a.nii")
    with open_volume(tmp_path / "a.nii") as volume:
        assert volume.read(1, "axial")[-1, -1] == 2.0 * image.dataobj[0, 0, 0] - 1000


@pytest.mark.parametrize("plane", PLANES)
def test_slices_that_show_the_head(plane, tmp_path):
    low, high = 10, 31
    voxels = head_volume((80, 90, 60), low=low, high=high)
    order = {"axial": (0, 1, 2), "coronal": (0, 2, 1), "sagittal": (2, 1, 0)}[plane]
    affine = affine_of((0, 1, 2), (-1, -1, -1), np.array(voxels.shape)[list(order)])
    save(tmp_path / "a.nii", np.transpose(voxels, order), affine)
    with open_volume(tmp_path / "a.nii") as volume:
        shown = volume.shows_head(plane)
        # the axes run backwards: number 1 is the last of the array
        assert (np.flatnonzero(shown) + 1).tolist() == list(range(60 - high + 1, 60 - low + 1))
        middle = volume.read(middle_slice(shown), plane)
    assert middle_slice(shown) == 40 and (middle > 100).mean() > 0.2


def test_neither_a_hot_voxel_nor_missing_values_hide_the_head():
    voxels = np.moveaxis(head_volume((64, 64, 20), low=5, high=15), 2, 0)
    voxels[0, 3, 3], voxels[1] = 1e9, np.nan
    assert np.flatnonzero(slices_with_head(voxels)).tolist() == list(range(5, 15))
    assert not slices_with_head(np.full((4, 9, 9), 7)).any() and middle_slice(np.zeros(9, bool)) == 5


def test_a_series_of_volumes_is_refused_with_a_hint(tmp_path):
    save(tmp_path / "a.nii", np.zeros((4, 5, 6, 7), np.int16))
    with pytest.raises(ImageReadError, match=r"series of volumes \(4 x 5 x 6 x 7\).*slicer\[:, :, :, 0\]"):
        open_volume(tmp_path / "a.nii").__enter__()
    save(tmp_path / "b.nii", np.ones((4, 5, 6, 1, 1), np.int16))
    with open_volume(tmp_path / "b.nii") as volume:
        assert volume.count("axial") == 6 and volume.read(6, "axial").shape == (5, 4)


@pytest.mark.parametrize(("dtype", "text"), [
    (np.complex64, "complex numbers"), ([("R", "u1"), ("G", "u1"), ("B", "u1")], "colours .RGB."),
])  # fmt: skip
def test_voxels_that_are_no_grey_value_are_refused_by_name(dtype, text, tmp_path):
    save(tmp_path / "a.nii.gz", np.zeros((4, 5, 6), dtype))
    with pytest.raises(ImageReadError, match=text):
        open_volume(tmp_path / "a.nii.gz").__enter__()


def test_what_is_cut_short_is_refused(tmp_path):
    voxels = np.random.default_rng(0).integers(0, 900, (20, 20, 20)).astype(np.int16)
    for name in ("a.nii", "a.nii.gz", "a.mgz"):
        content = save(tmp_path / name, voxels, kind=nibabel.MGHImage if "mgz" in name else nibabel.Nifti1Image)
        content = content.read_bytes()
        for cut in (200, len(content) // 2, len(content) - 9):
            (tmp_path / name).write_bytes(content[:cut])
            with pytest.raises(ImageReadError, match="truncated|header cannot be read"):
                open_volume(tmp_path / name).__enter__()


def test_flipped_bits_of_a_compressed_volume_are_noticed(tmp_path):
    voxels = np.random.default_rng(0).integers(0, 900, (20, 20, 20)).astype(np.int16)
    content = bytearray(save(tmp_path / "a.nii.gz", voxels).read_bytes())
    content[-5] ^= 1  # of the length that gzip compares
    (tmp_path / "a.nii.gz").write_bytes(content)
    with pytest.raises(ImageDecodeError, match="truncated"):
        open_volume(tmp_path / "a.nii.gz").__enter__()


def claiming(tmp_path, name, sides, pack):
    """A small file whose header claims a volume of these sides."""
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.uint8)
    header["dim"][:4] = 3, *sides
    header["sform_code"], header["srow_x"], header["srow_y"], header["srow_z"] = 1, *np.eye(4)[:3]
    header["magic"], header["vox_offset"] = b"n+1", 352
    content = header.binaryblock + bytes(100_000)
    (tmp_path / name).write_bytes(gzip.compress(content) if pack else content)
    return tmp_path / name


@pytest.mark.parametrize(("sides", "pack", "text"), [
    ((32767, 32767, 32767), True, "too large .*gunzip"), ((900, 900, 900), True, "cannot hold"),
    ((100, 100, 50), True, "truncated"), ((32767, 32767, 32767), False, "truncated"), ((0, 5, 5), False, "no voxels"),
    ((-5, 5, 5), False, "no voxels"),
])  # fmt: skip
def test_a_header_that_promises_too_much_takes_no_memory(sides, pack, text, tmp_path):
    path = claiming(tmp_path, "a.nii.gz" if pack else "a.nii", sides, pack)
    tracemalloc.start()
    with pytest.raises(ImageReadError, match=text):
        open_volume(path).__enter__()
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()


def test_a_bomb_is_unpacked_no_further_than_its_header_says(tmp_path, monkeypatch):
    plain = save(tmp_path / "a.nii", np.ones((9, 9, 9), np.uint8)).read_bytes()
    (tmp_path / "b.nii.gz").write_bytes(gzip.compress(plain + bytes(200_000_000), 1))
    tracemalloc.start()
    with open_volume(tmp_path / "b.nii.gz") as volume:
        assert volume.read(1, "axial").max() == 1
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()
    monkeypatch.setattr(inflated, "shortage", lambda count: "needs more")
    (tmp_path / "b.nii.gz").write_bytes(gzip.compress(plain))
    with pytest.raises(ImageReadError, match="needs more"):
        open_volume(tmp_path / "b.nii.gz").__enter__()


def test_damaged_headers_are_refused_in_one_line(tmp_path):
    content = bytearray(save(tmp_path / "a.nii", np.ones((9, 9, 9), np.int16)).read_bytes())
    damages = {
        "does not say how": (280, struct.pack("<12f", *[0] * 12)), "nan": (280, struct.pack("<f", np.nan)),
        "damaged": (70, struct.pack("<h", 12345)), "begin at": (108, struct.pack("<f", 1e9)),
    }  # fmt: skip
    for text, (start, value) in damages.items():
        damaged = content[:]
        damaged[start : start + len(value)] = value
        (tmp_path / "a.nii").write_bytes(damaged)
        with pytest.raises(ImageReadError, match="does not say how" if text == "nan" else text) as caught:
            open_volume(tmp_path / "a.nii").__enter__()
        assert "\n" not in str(caught.value)
    (tmp_path / "a.hdr").write_bytes((DATA / "analyze.hdr").read_bytes())
    with pytest.raises(ImageReadError, match=r"Analyze 7\.5"):
        open_volume(tmp_path / "a.hdr").__enter__()
    (tmp_path / "b.hdr").write_bytes((DATA / "nifti1.hdr").read_bytes())
    with pytest.raises(ImageReadError, match="not beside it|no voxels|series"):
        open_volume(tmp_path / "b.hdr").__enter__()


def test_a_volume_is_unpacked_once_for_all_its_slices(tmp_path, monkeypatch):
    save(tmp_path / "a.nii.gz", np.ones((9, 9, 9), np.uint8))
    made, inflate = [], inflated.inflate
    monkeypatch.setattr(
        "braintumor_tf.datasets.formats.medical.nifti.inflate", lambda *given: made.append(1) or inflate(*given)
    )
    for number in range(1, 10):
        with open_volume(tmp_path / "a.nii.gz") as volume:
            volume.read(number, "axial")
    assert made == [1]
    save(tmp_path / "a.nii.gz", np.full((9, 9, 9), 2, np.uint8))  # another content: not the one that is kept
    with open_volume(tmp_path / "a.nii.gz") as volume:
        assert volume.read(1, "axial").max() == 2


def test_without_an_orientation_the_first_axis_points_to_the_left(tmp_path):
    voxels = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)
    nibabel.save(nibabel.Nifti1Image(voxels, None), tmp_path / "a.nii")
    with open_volume(tmp_path / "a.nii") as volume:
        np.testing.assert_array_equal(volume.read(1, "axial"), voxels[:, :, 0].T[::-1])


def test_without_nibabel_the_error_says_what_to_install(tmp_path, monkeypatch):
    save(tmp_path / "a.nii", np.ones((3, 4, 5), np.uint8))
    monkeypatch.setitem(sys.modules, "nibabel", None)
    with pytest.raises(ImageReadError, match=r"pip install 'braintumor_tf\[medical\]'"):
        open_volume(tmp_path / "a.nii").__enter__()
