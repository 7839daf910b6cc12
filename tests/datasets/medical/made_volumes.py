"""Made volumes and MATLAB files."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

nibabel = pytest.importorskip("nibabel")

PIXELS = np.arange(12 * 10, dtype=np.int16).reshape(12, 10) * 7 + 3


def save(path, voxels, affine=None, kind=nibabel.Nifti1Image):
    image = kind(voxels, np.eye(4) if affine is None else affine)
    nibabel.save(image, path)
    return path


def head_volume(shape, *, low, high, noise=3.0):
    """Air with noise, and a cylinder of tissue between two numbers of the last axis."""
    rng = np.random.default_rng(1)
    voxels = np.abs(rng.normal(0, noise, shape))
    grid = np.indices(shape[:2]) - np.array(shape[:2])[:, None, None] / 2
    disc = np.hypot(*grid) < min(shape[:2]) / 3
    voxels[:, :, low:high][disc] += 200
    return voxels.astype(np.float32)


def matlab_file(path, *, label=2, patient="MR04B", pixels=PIXELS, struct="cjdata", **others):
    """Writes a file as MATLAB does: a header of 512 bytes, numbers as doubles, matrices with columns first."""
    mask = np.zeros(pixels.shape, np.uint8)
    mask[3:6, 2:6] = 1
    with h5py.File(path, "w", userblock_size=512) as file:
        data = file.create_group(struct)
        values = {
            "image": pixels.T, "label": np.array([[float(label)]]), "tumorMask": mask.T,
            "PID": np.array([[ord(letter)] for letter in patient], np.uint16), "tumorBorder": np.zeros((1, 8)),
        } | others  # fmt: skip
        for name, value in values.items():
            if value is not None:
                data[name] = value
    with open(path, "r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: PCWIN, Created on: Mon Jan 1 12:00:00 2015 HDF5 schema 1.00")
    return path
