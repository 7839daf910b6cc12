"""Toy images without their test images, and one finished search on them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from braintumor_tf.training import Search
from braintumor_tf.training.search import run as search_run
from tests.training.search.toy_search import small_build, small_search
from tests.training.toy import toy_manifest


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
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
def small(monkeypatch):
    monkeypatch.setattr(search_run, "build", small_build)


@pytest.fixture(scope="session")
def found(manifest, tmp_path_factory) -> Search:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search_run, "build", small_build)
        return small_search(manifest, tmp_path_factory.mktemp("found"))
