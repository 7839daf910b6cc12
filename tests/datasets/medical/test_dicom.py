"""DICOM files: shown as a viewer shows them, in any coding, and nothing of who the patient is goes further."""

from __future__ import annotations

import stat
from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pytest
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    MRImageStorage,
    RLELossless,
    generate_uid,
)

from braintumor_tf.datasets import read_image, read_manifest, scan, write_manifest
from braintumor_tf.datasets.formats.medical import dicom
from braintumor_tf.datasets.formats.medical.pseudonyms import SALT_VARIABLE
from braintumor_tf.errors import BrainTumorError, DatasetError, ImageReadError
from braintumor_tf.experiments import predict_files, run_experiment
from braintumor_tf.experiments.predicting import image_paths
from braintumor_tf.leakage import group
from tests.bad_images import slice_pixels
from tests.calling import call
from tests.training.toy import toy_manifest

QUIET = {"cache": False, "show_progress": False}
NAME, NUMBER, BIRTH = "Xylander^Quirina", "HOSPITAL-4711", "19680229"


def data_set(pixels: np.ndarray, **tags: object) -> FileDataset:
    """Makes a grey MR image of stored values with all that tells who its patient is."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, MRImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = MRImageStorage, meta.MediaStorageSOPInstanceUID
    data.StudyInstanceUID, data.SeriesInstanceUID = "1.2.826.0.1.77", "1.2.826.0.1.77.1"
    data.PatientName, data.PatientID, data.PatientBirthDate = NAME, NUMBER, BIRTH
    data.InstitutionName, data.AccessionNumber = "Clinic of Someplace", "ACC-99"
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    bits = 8 * pixels.itemsize
    data.BitsAllocated, data.BitsStored, data.HighBit = bits, bits, bits - 1
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    if pixels.ndim == 3:
        data.NumberOfFrames = len(pixels)
    data.Rows, data.Columns = pixels.shape[-2:]
    data.PixelData = pixels.tobytes()
    for name, value in tags.items():
        setattr(data, name, value)
    return data


def save(path: Path, pixels: np.ndarray, **tags: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    data_set(pixels, **tags).save_as(path, enforce_file_format=True)
    return path


def deep(seed: int = 0) -> np.ndarray:
    grain = np.random.default_rng(seed).integers(0, 9, slice_pixels().shape)
    return (slice_pixels().astype(np.uint16) * 13 + grain).astype(np.uint16)


# === Grey levels ===


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_file_without_a_window_is_the_picture_that_a_png_of_it_is(dtype, tmp_path):
    pixels = slice_pixels() if dtype == np.uint8 else deep()
    Image.fromarray(pixels).save(tmp_path / "a.png")
    found = read_image(save(tmp_path / "a.dcm", pixels))
    np.testing.assert_array_equal(found, read_image(tmp_path / "a.png"))


def test_the_window_of_the_file_is_applied_after_its_rescaling(tmp_path):
    stored = np.arange(-300, 300, dtype=np.int16).reshape(20, 30)
    path = save(
        tmp_path / "a.dcm", stored, RescaleSlope=2, RescaleIntercept=-10, WindowCenter=[50, 7], WindowWidth=[101, 7]
    )
    values = stored * 2.0 - 10  # PS3.3 C.11.2.1.2.1, by hand
    wanted = np.clip((values - (50 - 0.5)) / (101 - 1) + 0.5, 0, 1) * 255
    assert np.abs(read_image(path) - wanted).max() <= 0.5


def test_monochrome1_is_turned_and_padding_takes_no_part_in_the_scaling(tmp_path):
    pixels = deep()
    bright = read_image(save(tmp_path / "a.dcm", pixels))
    dark = read_image(save(tmp_path / "b.dcm", pixels, PhotometricInterpretation="MONOCHROME1"))
    np.testing.assert_array_equal(dark, 255 - bright)
    padded = pixels.copy()
    padded[:10] = 65_535
    plain = read_image(save(tmp_path / "c.dcm", padded))
    told = read_image(save(tmp_path / "d.dcm", padded, PixelPaddingValue=65_535))
    assert plain[10:].max() < 60 and told[10:].max() == 255


def test_values_of_a_frame_come_from_its_own_group(tmp_path):
    frames = np.stack([deep(0), deep(1)])
    windows = []
    for center in (500, 2000):
        item, voi = Dataset(), Dataset()
        voi.WindowCenter, voi.WindowWidth = center, 400
        item.FrameVOILUTSequence = [voi]
        windows.append(item)
    path = save(tmp_path / "a.dcm", frames, PerFrameFunctionalGroupsSequence=windows)
    for number, center in ((1, 500), (2, 2000)):
        alone = save(tmp_path / f"{number}.dcm", frames[number - 1], WindowCenter=center, WindowWidth=400)
        np.testing.assert_array_equal(read_image(f"{path}#{number}"), read_image(alone))
    with pytest.raises(ImageReadError, match="has no frame 3; there are 1 to 2"):
        read_image(f"{path}#3")
    with pytest.raises(ImageReadError, match="not cut anew"):
        read_image(f"{path}#coronal-1")


@pytest.mark.parametrize("half", [{"WindowCenter": 500}, {"WindowWidth": 400}, {"VOILUTSequence": []}])
def test_half_a_window_is_none(half, tmp_path):
    plain, told = save(tmp_path / "a.dcm", deep()), save(tmp_path / "b.dcm", deep(), **half)
    np.testing.assert_array_equal(read_image(told), read_image(plain))


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless])
def test_lossless_codings_give_the_same_picture(syntax, tmp_path):
    plain = save(tmp_path / "a.dcm", deep())
    data = pydicom.dcmread(plain)
    data.compress(syntax, encoding_plugin="pylibjpeg" if syntax == JPEG2000Lossless else "")
    data.save_as(tmp_path / "b.dcm")
    np.testing.assert_array_equal(read_image(tmp_path / "b.dcm"), read_image(plain))


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("SC_rgb_rle_16bit.dcm", "SC_rgb_rle.dcm"),
        ("SC_rgb_dcmtk_+eb+cr.dcm", "SC_rgb_rle.dcm"),
        ("SC_rgb_jpeg_dcmtk.dcm", "SC_rgb_rle.dcm"),
        ("SC_ybr_full_422_uncompressed.dcm", "SC_rgb_rle.dcm"),
        ("SC_rgb_small_odd_big_endian.dcm", "SC_rgb_small_odd.dcm"),
        ("rtdose_rle_1frame.dcm", "rtdose_1frame.dcm"),
    ],
)
def test_files_of_pydicom_in_other_codings_show_the_same(name, same):
    found, wanted = (dicom.read_slice(get_testdata_file(each, download=False), 1, "axial") for each in (name, same))
    assert np.abs(found.astype(int) - wanted).mean() <= 3  # some are lossy


def test_a_palette_is_looked_up():
    path = get_testdata_file("examples_palette.dcm", download=False)
    data = pydicom.dcmread(path)
    wanted = pydicom.pixels.apply_color_lut(data.pixel_array, data) / 65535 * 255
    assert np.abs(dicom.read_slice(path, 1, "axial") - wanted).max() <= 0.5


# === Files ===


def test_files_without_an_ending_or_a_preamble_are_known_and_an_index_is_named(tmp_path):
    for number, name in enumerate(("glioma/IM0001", "glioma/1.2.840.5", "no/a.dcm")):
        save(tmp_path / name, deep(number))
    bare = data_set(deep(7))
    bare.save_as(tmp_path / "no" / "bare.dcm", implicit_vr=False, little_endian=True, enforce_file_format=False)
    raw = (tmp_path / "no" / "bare.dcm").read_bytes()
    assert raw[128:132] == b"DICM"
    (tmp_path / "no" / "bare.dcm").write_bytes(raw[132:])
    (tmp_path / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM")
    found = scan(tmp_path, **QUIET)
    names = {str(Path(path).relative_to(tmp_path)) for path in found.manifest["path"]}
    assert names == {"glioma/IM0001", "glioma/1.2.840.5", "no/a.dcm", "no/bare.dcm"} and found.unreadable.empty
    assert found.passed_over.values.tolist() == [[str(tmp_path / "DICOMDIR"), "an index of other DICOM files"]]
    assert {str(Path(path).relative_to(tmp_path)) for path in image_paths([tmp_path])} >= names


def test_frames_become_rows_of_one_group(tmp_path):
    frames = np.zeros((9, *slice_pixels().shape), np.uint16)
    frames[2:7] = np.stack([deep(seed) for seed in range(5)])
    save(tmp_path / "glioma" / "many.dcm", frames)
    save(tmp_path / "no" / "one.dcm", deep(9), PatientID="other")
    found = scan(tmp_path, slices="all", **QUIET)
    rows = found.manifest[found.manifest["label"] == "glioma"]
    assert [int(path.rpartition("#")[2]) for path in rows["path"]] == [3, 4, 5, 6, 7]
    assert rows["patient"].nunique() == 1 and group(rows, show_progress=False)["group"].nunique() == 1
    assert found.manifest["path"].iloc[-1].endswith("one.dcm") and found.manifest["patient"].nunique() == 2


def damaged(path: Path, kind: str) -> None:
    data = data_set(deep())
    if kind == "huge":
        data.Rows = data.Columns = 60_000
    elif kind == "frames":
        data.NumberOfFrames = 1_000_000
    elif kind == "no pixels":
        del data.PixelData
    elif kind == "no size":
        del data.Rows
    elif kind == "short":
        data.PixelData = data.PixelData[:100]
    data.save_as(path, enforce_file_format=True)
    if kind == "cut":
        path.write_bytes(path.read_bytes()[:400])


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("huge", "too large"),
        ("frames", "1,000,000 frames; at most 10,000"),
        ("no pixels", "without a picture"),
        ("no size", "no pixels"),
        ("short", "damaged or truncated"),
        ("cut", "without a picture|damaged or truncated"),
    ],
)
def test_damaged_files_are_one_error_that_tells_nothing_of_the_patient(kind, reason, tmp_path):
    damaged(tmp_path / "a.dcm", kind)
    with pytest.raises(ImageReadError, match=reason) as caught:
        read_image(tmp_path / "a.dcm")
    assert "\n" not in str(caught.value) and not any(word in str(caught.value) for word in (NAME, NUMBER, BIRTH))


def test_a_frame_that_says_another_size_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    data = data_set(slice_pixels())
    data.compress(JPEG2000Lossless, encoding_plugin="pylibjpeg")
    data.Rows -= 1
    data.save_as(tmp_path / "a.dcm")
    monkeypatch.setattr(pydicom.pixels, "pixel_array", None)
    with pytest.raises(ImageReadError, match="of another size than the file says"):
        read_image(tmp_path / "a.dcm")


def test_what_is_deflated_is_bounded(tmp_path, monkeypatch):
    data = data_set(deep())
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    data.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    np.testing.assert_array_equal(read_image(tmp_path / "a.dcm"), read_image(save(tmp_path / "b.dcm", deep())))
    monkeypatch.setattr(dicom, "MAX_DEFLATED", 1000)
    with pytest.raises(ImageReadError, match="deflated DICOM of .* bytes; at most 1,000"):
        read_image(tmp_path / "a.dcm")


def test_a_file_whose_own_name_ends_like_a_slice_is_itself(tmp_path):
    path = save(tmp_path / "a.dcm#3", deep())
    np.testing.assert_array_equal(read_image(path), read_image(save(tmp_path / "b.dcm", deep())))


def test_without_pydicom_the_extra_is_named(tmp_path, monkeypatch):
    path = save(tmp_path / "a.dcm", deep())
    monkeypatch.setitem(__import__("sys").modules, "pydicom", None)
    with pytest.raises(ImageReadError, match=r"pip install 'braintumor_tf\[medical\]'"):
        read_image(path)


# === Patients ===


def test_patients_get_pseudonyms_that_the_salt_decides(tmp_path, monkeypatch):
    monkeypatch.setenv("BRAINTUMOR_TF_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "set"
    save(folder / "glioma" / "a.dcm", deep(0))
    save(folder / "glioma" / "b.dcm", deep(1))
    save(folder / "no" / "c.dcm", deep(2), PatientID="", PatientName="")  # its study tells who it is
    first = scan(folder, **QUIET).manifest["patient"].tolist()
    assert first[0] == first[1] != first[2] and all(len(each) == 16 for each in first)
    assert scan(folder, **QUIET).manifest["patient"].tolist() == first
    assert stat.S_IMODE((tmp_path / "cache" / "patient_salt").stat().st_mode) == 0o600
    monkeypatch.setenv(SALT_VARIABLE, "mine")
    other = scan(folder, **QUIET)
    assert not set(first) & set(other.manifest["patient"])
    assert any("3 DICOM files name 2 patients; pseudonyms stand for them" in note for note in other.notes)
    save(folder / "glioma" / "b.dcm", deep(1), IssuerOfPatientID="Clinic of Someplace")  # two may give one number
    told = scan(folder, **QUIET).manifest["patient"].tolist()
    assert told[1] not in told[:1] + other.manifest["patient"].tolist()
    kept = scan(folder, keep_patient_ids=True, **QUIET).manifest["patient"].tolist()
    assert kept[:2] == [NUMBER, NUMBER] and len(kept[2]) == 16
    monkeypatch.delenv(SALT_VARIABLE)
    (tmp_path / "cache" / "patient_salt").write_bytes(b"")
    with pytest.raises(DatasetError, match="the salt for names of patients is empty"):
        scan(folder, **QUIET)


def test_the_patient_of_a_table_wins(tmp_path):
    rows = [(str(save(tmp_path / f"{number}.dcm", deep(number))), "glioma" if number else "no") for number in range(3)]
    table = pd.DataFrame(rows, columns=["path", "label"]).assign(patient=["mine", "", ""])
    table.to_csv(tmp_path / "list.csv", index=False)
    found = scan(tmp_path / "list.csv", **QUIET).manifest["patient"].tolist()
    assert found[0] == "mine" and found[1] == found[2] != "mine"


def test_who_the_patient_is_stands_in_no_file_and_on_no_line(tmp_path, monkeypatch):
    monkeypatch.setenv("BRAINTUMOR_TF_CACHE", str(tmp_path / "out" / "cache"))
    for number in range(24):
        label = ("glioma", "no_tumor")[number % 2]
        pixels = np.random.default_rng(number).integers(0, 4000, (48, 48), dtype=np.uint16)
        save(tmp_path / "set" / label / f"{number}.dcm", pixels, PatientID=f"{NUMBER}-{number}")
    damaged(tmp_path / "set" / "glioma" / "bad.dcm", "short")
    words = ["train", "--model", "PCA", "--image-size", "24", "--dataset", str(tmp_path / "set"), "--no-link"]
    run = tmp_path / "out" / "run"
    result = call(*words, "--out", run)
    assert result.exit_code == 0, (result.output, result.exception)
    asked = call("predict", run, tmp_path / "set", "--json")
    assert asked.exit_code in (0, 1) and '"predicted"' in asked.output
    write_manifest(tmp_path / "out" / "again.csv", read_manifest(run / "manifest.csv"))
    written = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    written["the terminal"] = (result.output + asked.output).encode()
    assert len(written) > 10
    for path, content in written.items():
        for word in (NAME, "Xylander", NUMBER, BIRTH, "Someplace", "ACC-99", "1.2.826.0.1.77"):
            assert word.encode() not in content, (path, word)


# === Answers ===


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    how = {"image_size": 24, "baselines": False, "resamples": 20, "show_progress": False}
    return run_experiment(toy_manifest(folder / "toy"), "PCA", out=folder / "run", **how)


def test_a_picture_of_a_file_and_the_file_get_the_same_answer(run, tmp_path):
    Image.fromarray(deep()).save(tmp_path / "a.png")
    save(tmp_path / "a.dcm", deep())
    table = predict_files(run, [tmp_path / "a.png", tmp_path / "a.dcm"])
    shares = table.filter(regex="probab|^p_").select_dtypes("number")
    assert not shares.empty and (shares.iloc[0] == shares.iloc[1]).all()


def test_errors_of_the_package_alone_come_out(tmp_path):
    whole = save(tmp_path / "a.dcm", deep()).read_bytes()
    generator = np.random.default_rng(0)
    for _ in range(60):
        content = bytearray(whole[: generator.integers(140, len(whole))])
        for place in generator.integers(132, min(len(content), 1500), 4):
            content[min(place, len(content) - 1)] = generator.integers(0, 256)
        (tmp_path / "b.dcm").write_bytes(content)
        try:
            read_image(tmp_path / "b.dcm")
        except BrainTumorError as error:
            assert "\n" not in str(error)


def test_files_of_one_series_get_one_answer_and_empty_ones_take_no_part(run, tmp_path):
    folder = tmp_path / "scan"
    for number in range(4):
        pixels = deep(number) if number else np.zeros_like(deep())
        save(folder / f"{9 - number}.dcm", pixels, InstanceNumber=str(number))
    save(folder / "other.dcm", deep(7), SeriesInstanceUID="1.2.3")
    table = predict_files(run, folder)
    assert table["path"].tolist() == [str(folder), str(folder / "other.dcm")] and table["slices"].tolist() == [3, 1]
    each = predict_files(run, folder, each_slice=True)
    assert each["path"].tolist()[:4] == [*(str(folder / f"{n}.dcm") for n in (8, 7, 6)), str(folder)]
    shares = [name for name in table if name.startswith("p_")]
    np.testing.assert_allclose(each[shares][:3].mean(), table[shares].iloc[0].astype(float), atol=1e-9)
    middle = predict_files(run, folder, slices="middle")
    assert middle["slices"].tolist() == [1, 1] and middle["top_slices"][0] == (str(folder / "7.dcm"),)
