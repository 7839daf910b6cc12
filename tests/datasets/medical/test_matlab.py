"""MATLAB 7.3 files of figshare's set, as they lie in a plain folder."""

from __future__ import annotations

import io

import h5py
import numpy as np
import pytest
import scipy.io

from braintumor_tf.datasets.formats.medical.matlab import LABELS, read_matlab
from braintumor_tf.errors import ImageDecodeError, ImageReadError
from tests.datasets.medical.made_volumes import PIXELS, matlab_file


def read(path, **how):
    with open(path, "rb") as file:
        return read_matlab(str(path), file, **how)


def test_a_file_says_its_class_patient_and_tumour(tmp_path):
    found = read(matlab_file(tmp_path / "7.mat"))
    assert (found.label, found.patient, found.visit) == ("glioma", "MR04", "B")
    assert found.lesion_box == "0.4000 0.3750 0.4000 0.2500"
    assert np.array_equal(found.pixels, PIXELS) and found.pixels.dtype == np.int16
    assert read(tmp_path / "7.mat", pixels=False).pixels is None
    assert LABELS == {1: "meningioma", 2: "glioma", 3: "pituitary"}


@pytest.mark.parametrize(("changes", "text"), [
    ({"label": 9}, "label is 9"), ({"label": 1.5}, "label is 1.5"), ({"PID": None}, "lacks PID"),
    ({"PID": np.zeros(99)}, "lacks PID"), ({"image": np.zeros((2, 3, 4))}, "no matrix"),
    ({"image": np.zeros((0, 4))}, "no pixels"), ({"image": np.zeros(3)}, "no matrix"),
])  # fmt: skip
def test_what_is_no_slice_is_refused_by_name(changes, text, tmp_path):
    with pytest.raises(ImageReadError, match=text):
        read(matlab_file(tmp_path / "7.mat", **changes))


def test_other_matlab_files(tmp_path):
    assert read(matlab_file(tmp_path / "7.mat", struct="cvind")) is None
    scipy.io.savemat(tmp_path / "5.mat", {"cjdata": {"image": PIXELS}})
    with pytest.raises(ImageReadError, match=r"before version 7\.3; save it with"):
        read(tmp_path / "5.mat")


def test_a_matrix_that_claims_too_much_is_not_read(tmp_path):
    path = matlab_file(tmp_path / "7.mat", image=None)
    with h5py.File(path, "r+") as file:  # nothing is stored of it, and zeros would be made up
        file["cjdata"].create_dataset("image", (1 << 20, 1 << 20), np.uint8, chunks=(1024, 1024), compression="gzip")
    with pytest.raises(ImageReadError, match="too large"):
        read(path)


def test_every_truncation_is_an_error_of_one_line(tmp_path):
    content = matlab_file(tmp_path / "7.mat").read_bytes()
    for cut in (0, 300, 600, len(content) // 2, len(content) - 1):
        with pytest.raises(ImageDecodeError, match="damaged or truncated") as caught:
            read_matlab("7.mat", io.BytesIO(content[:cut]))
        assert "\n" not in str(caught.value)
