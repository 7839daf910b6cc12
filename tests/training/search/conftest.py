"""Toy images without their test images, a small network named CNN, and one finished search on them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from braintumor_tf.training import Search
from tests.training.search.toy_search import small_search
from tests.training.toy import small_cnn_in_the_registry, toy_manifest


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    pytest.importorskip("optuna")
    folder = tmp_path_factory.mktemp("toy")
    manifest = toy_manifest(folder / "images")
    for path in manifest.loc[manifest["split"] == "test", "path"]:
        Path(path).unlink()  # a search that reads one test image fails
    manifest.to_csv(folder / "manifest.csv", index=False)
    return folder


@pytest.fixture(scope="session")
def manifest(folder) -> pd.DataFrame:
    return pd.read_csv(folder / "manifest.csv", dtype=str).astype({"width": int, "height": int})


@pytest.fixture(autouse=True)
def small() -> Iterator[None]:
    with small_cnn_in_the_registry():
        yield


@pytest.fixture(scope="session")
def found(manifest, tmp_path_factory) -> Search:
    with small_cnn_in_the_registry():
        return small_search(manifest, tmp_path_factory.mktemp("found"))
