"""What the tests of several commands use: a small synthetic data set, and a network that was trained on it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import Result

from braintumor_tf.datasets import write_synthetic
from braintumor_tf.runs import Run
from tests.calling import call


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    return write_synthetic(
        tmp_path_factory.mktemp("data") / "set", patients_per_class=6, slices_per_patient=2, image_size=64,
        byte_copies=0, reencoded_copies=0, label_conflicts=0, show_progress=False,
    )  # fmt: skip


@pytest.fixture(scope="session")
def trained(folder, tmp_path_factory) -> tuple[Result, Run]:
    out = tmp_path_factory.mktemp("models") / "cnn"
    words = ("--model", "CNN", "--dataset", folder, "--preset", "smoke", "--epochs", 1, "--image-size", 32)
    noise = ("--noise", "gaussian,speckle", "--severity", "1-3", "--noise-probability", 0.5, "--noise-size", 48)
    result = call("train", *words, *noise, "--seed", 3, "--no-baselines", "--out", out)
    return result, Run(out)
