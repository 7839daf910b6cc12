"""Tables with any text in them: a manifest comes back as it was, and a CSV loses no row. `make fuzz` tries many."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from braintumor_tf.datasets import COLUMNS, read_manifest, scan, write_manifest
from braintumor_tf.datasets.labels import canonical_split, plain_label
from braintumor_tf.errors import DatasetError
from tests.faults.fuzz.mutants import any_text

IMAGES = 4
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "25"))
TEXTS = [name for name in COLUMNS if name not in ("width", "height")]

manifest_rows = st.lists(
    st.fixed_dictionaries({**dict.fromkeys(TEXTS, any_text), "width": st.integers(0, 1 << 40), "height": st.just(1)}),
    min_size=1,
    max_size=4,
)
told = st.fixed_dictionaries(
    {"path": st.integers(0, IMAGES - 1), "label": any_text, "patient": any_text, "split": any_text, "source": any_text}
)


NOT_KNOWN = {"", "nan", "na", "n/a", "<na>", "#n/a", "null", "nat", "unknown", "none", "?", "-"}
"""What stands in a cell for something that is not known, whatever its case."""


def known(text: str) -> str:
    return "" if text.strip().lower() in NOT_KNOWN else text


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("any_table")
    for number in range(IMAGES):
        Image.fromarray(np.full((9, 8), 40 * number, np.uint8)).save(folder / f"{number}.png")
    return folder


@given(rows=manifest_rows)
@settings(max_examples=EXAMPLES, deadline=None)
def test_a_manifest_comes_back_as_it_was_written(rows: list[dict]) -> None:
    made = pd.DataFrame(rows, columns=list(COLUMNS))
    with TemporaryDirectory() as folder:
        try:
            found = read_manifest(write_manifest(f"{folder}/manifest.csv", made))
        except DatasetError as error:
            assert "\n" not in str(error)
            return
    pd.testing.assert_frame_equal(found, made)


@given(rows=st.lists(told, min_size=1, max_size=6), columns=st.sets(st.sampled_from(["patient", "split", "source"])))
@settings(max_examples=EXAMPLES, deadline=None)
def test_a_csv_loses_no_row_and_changes_no_text(pictures: Path, rows: list[dict], columns: set[str]) -> None:
    given_rows = pd.DataFrame(rows)[["path", "label", *sorted(columns)]]
    given_rows["path"] = [f"{number}.png" for number in given_rows["path"]]
    given_rows.to_csv(pictures / "rows.csv", index=False, quoting=csv.QUOTE_ALL)
    try:
        found = scan(pictures / "rows.csv", cache=False, show_progress=False)
    except DatasetError as error:
        assert "\n" not in str(error)
        return
    named = [found.manifest, found.unreadable, found.passed_over]
    seen = {Path(path).name for table in named for path in table["path"]}
    assert seen == set(given_rows["path"])
    for row in found.manifest.to_dict("records"):
        same = given_rows[given_rows["path"] == Path(row["path"]).name]
        assert row["label"] in {plain_label(label) for label in same["label"]}
        if "patient" in columns:
            assert row["patient"] in {known(patient) for patient in same["patient"]}
        if "split" in columns:
            assert row["split"] in {canonical_split(split) or known(split) for split in same["split"]}
        if "source" in columns:
            assert row["source"] in {known(source) or "rows" for source in same["source"]}
