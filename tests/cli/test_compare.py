"""The command compare, and how many images of another data set the other commands leave out."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from braintumor_tf.datasets import scan, write_synthetic
from braintumor_tf.evaluation.comparison.leaderboard import COLUMNS
from braintumor_tf.runs import Run
from tests.calling import call
from tests.evaluation.made_runs import made_manifest, made_run

FILES = {"summary.csv", "pairs.csv", "leaderboard.png", "comparison.html"}
DRAWS = ("--resamples", 200)


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> list[Path]:
    folder, manifest = tmp_path_factory.mktemp("runs"), made_manifest(40)
    skills = {"good": (3.0, 1), "near": (2.5, 2), "weak": (0.5, 3)}
    return [made_run(folder / name, manifest, *skill, baselines={"border": 0.2}).path for name, skill in skills.items()]


def test_it_prints_a_table_and_what_it_comes_to_and_writes_files(runs, tmp_path):
    result = call("compare", *runs, *DRAWS, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert (
        lines[0].split()[:2] == ["Macro-F1", "Accuracy"]
        and "Highest run is" in lines[0]
        and re.match(r"1\. good +0\.9", lines[1])
    )
    assert any(line.strip().startswith("border strip alone") for line in lines)
    assert "good has the highest macro-F1" in result.stdout and "is not told apart from near" in result.stdout
    assert lines[-1] == f"comparison: {(tmp_path / 'out' / 'comparison.html').resolve()}"
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES, "and no temporary file is left"
    summary = pd.read_csv(tmp_path / "out" / "summary.csv")
    assert list(summary.columns) == list(COLUMNS) and summary["name"][0] == "good"
    assert len(pd.read_csv(tmp_path / "out" / "pairs.csv")) == 3


def test_json_holds_the_leaderboard_the_pairs_and_the_sentences(runs, tmp_path):
    result = call("compare", *runs, *DRAWS, "--out", tmp_path, "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    best = found["leaderboard"][0]
    assert best["name"] == "good" and best["macro_f1"] == Run(runs[0]).metrics["macro_f1"]["value"]
    assert best["milliseconds_per_image"] is None, "what was not measured is not made up"
    assert len(found["pairs"]) == 3 and found["images"] == 80 and found["sentences"] and Path(found["page"]).is_file()


def test_the_same_draws_give_the_same_files(runs, tmp_path):
    for name in "ab":
        assert call("compare", *runs, *DRAWS, "--out", tmp_path / name).exit_code == 0
    for name in ("summary.csv", "pairs.csv"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_runs_that_cannot_be_ranked_are_refused_in_one_line_and_nothing_is_written(runs, tmp_path):
    other = made_run(tmp_path / "other", made_manifest(42)).path
    result = call("compare", *runs, other, "--out", tmp_path / "out")
    assert result.exit_code == 1 and len(result.stderr.strip().splitlines()) == 1
    assert "other lacks 0 of them and has 4 others" in result.stderr and "--common" in result.stderr
    assert not (tmp_path / "out").exists()
    common = call("compare", *runs, other, "--common", *DRAWS, "--out", tmp_path / "out")
    assert common.exit_code == 0 and "left out: 4 of other" in common.stdout
    single = call("compare", runs[0], "--out", tmp_path / "out")
    assert single.exit_code == 1 and "two or more" in single.stderr
    assert call("compare").exit_code == 2


def test_training_and_testing_on_other_data_leaves_overlaps_out_and_says_how_many(tmp_path):
    how = {"slices_per_patient": 2, "image_size": 64, "byte_copies": 0, "reencoded_copies": 0, "label_conflicts": 0}
    one, other = (
        write_synthetic(tmp_path / name, patients_per_class=5, seed=seed, show_progress=False, **how)
        for seed, name in enumerate(("one", "other"))
    )
    known, place = (scan(folder, show_progress=False).manifest for folder in (one, other))
    folders = {row.label: Path(row.path).parent for row in place.itertuples()}
    for number, row in enumerate(known.head(4).itertuples()):
        shutil.copy(row.path, folders[row.label] / f"copy_{number}{Path(row.path).suffix}")
    words = ("--model", "PCA", "--image-size", 16, "--dataset", one, "--protocol", "external", "--external", other)
    result = call("train", *words, "--no-baselines", "--out", tmp_path / "run")
    assert result.exit_code == 0, result.stderr
    run = Run(tmp_path / "run")
    overlap = run.manifest.query("split == 'overlap'")
    assert {Path(path).stem for path in overlap["path"]} >= {f"copy_{number}" for number in range(4)}
    assert run.metrics["overlap"] == len(overlap) and run.metrics["images"] == len(place) + 4 - len(overlap)
    assert not set(overlap["path"]) & set(run.predictions["path"])
    assert f"{len(overlap)} images of {other} have a near-duplicate or their patient in training" in result.stdout
    assert ">overlap<" in (run.path / "report.html").read_text(encoding="utf-8")
    again = call("evaluate", run.path, "--dataset", other, "--json", "--no-baselines")
    assert json.loads(again.stdout)["overlap"] == len(overlap)
