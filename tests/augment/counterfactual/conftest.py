"""Synthetic slices with masks, and the counterfactual pairs of their training images, made once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from braintumor_tf.augment.counterfactual import CounterfactualPairs, make_pairs
from braintumor_tf.datasets import scan
from braintumor_tf.datasets.synthetic import write_synthetic
from braintumor_tf.datasets.synthetic.ground_truth import read_ground_truth


@pytest.fixture(scope="package")
def manifest(tmp_path_factory) -> pd.DataFrame:
    """9 patients a class with 2 slices each; two of three patients are in training. Groups are patients."""
    folder = tmp_path_factory.mktemp("synthetic")
    write_synthetic(
        folder, patients_per_class=9, slices_per_patient=2, image_size=112, byte_copies=0, reencoded_copies=0,
        label_conflicts=0, show_progress=False,
    )  # fmt: skip
    found = scan(folder, show_progress=False).manifest
    truth = read_ground_truth(folder).images.set_index("path")
    patient = [str(truth.loc[Path(path).relative_to(folder).as_posix(), "patient"]) for path in found["path"]]
    group = found["label"] + "-" + np.array(patient)
    numbers = group.rank(method="dense").astype(int) % 3
    return found.assign(patient=group, group=group, split=np.where(numbers > 0, "train", "test"))


@pytest.fixture(scope="package")
def pairs(manifest, tmp_path_factory) -> CounterfactualPairs:
    return make_pairs(manifest, tmp_path_factory.mktemp("pairs"), seed=3, show_progress=False)
