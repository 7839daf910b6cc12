"""What the tests of exported models share: one tiny trained run, and its ONNX export."""

from __future__ import annotations

from pathlib import Path

import pytest

from braintumor_tf.datasets import scan, write_synthetic
from braintumor_tf.deploy import Contract, export
from braintumor_tf.experiments import run_experiment
from braintumor_tf.leakage import group, split
from braintumor_tf.runs import Run


@pytest.fixture(scope="session")
def run(tmp_path_factory) -> Run:
    """A CNN of 32 pixels that sees heads only, on 72 synthetic slices."""
    folder = tmp_path_factory.mktemp("deploy")
    data = write_synthetic(
        folder / "data", patients_per_class=9, slices_per_patient=2, image_size=64,
        byte_copies=0, reencoded_copies=0, label_conflicts=0, show_progress=False,
    )  # fmt: skip
    manifest = split(group(scan(data, show_progress=False).manifest, show_progress=False), seed=0)
    return run_experiment(
        manifest, "CNN", out=folder / "cnn", image_size=32, crop="head", epochs=4, batch_size=24, learning_rate=3e-3,
        augmentation={}, baselines=False, resamples=100, show_progress=False, config={"dataset": "made"},
    )  # fmt: skip


@pytest.fixture(scope="session")
def exported(run, tmp_path_factory) -> tuple[Contract, Path]:
    """The contract that `export` returned, and the folder that it wrote."""
    pytest.importorskip("tf2onnx")
    out = tmp_path_factory.mktemp("exported") / "cnn"
    return export(run, out=out, show_progress=False), out
