"""The command train with --ladder, and with the protocol leave_one_origin_out."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from braintumor_tf.datasets import read_ground_truth
from braintumor_tf.experiments import read_ladder
from braintumor_tf.runs import Run
from tests.calling import call

QUICK = ("--model", "PCA", "--image-size", 16, "--no-baselines", "--no-link")


@pytest.fixture(scope="module")
def listing(folder, tmp_path_factory) -> Path:
    """The synthetic set as a CSV with its simulated patients, half of them from each of two places."""
    table = read_ground_truth(folder).images
    number = table["patient"].str.extract(r"(\d+)$")[0].astype(int)
    rows = pd.DataFrame({"path": [str(folder / path) for path in table["path"]], "label": table["label"]})
    rows["patient"] = table["patient"]
    rows["origin"] = (number % 2).map({0: "north", 1: "south"})
    path = tmp_path_factory.mktemp("listing") / "set.csv"
    rows.to_csv(path, index=False)
    return path


def test_a_ladder_is_trained_printed_resumed_and_reported(listing, tmp_path):
    words = ("train", "--ladder", "--dataset", listing, *QUICK, "--out", tmp_path / "out")
    result = call(*words)
    assert result.exit_code == 0, result.stderr
    ladder = read_ladder(tmp_path / "out")
    row = next(line for line in result.stdout.splitlines() if line.startswith("PCA "))
    values = [rung.scores["model"]["macro_f1"].value for rung in ladder.rungs]
    assert [float(word) for word in row.split() if not word.startswith(("PCA", "("))] == pytest.approx(
        values, abs=0.006
    )
    assert ladder.patients == 24 and ladder.rungs[2].leaks.same_patient == 0
    assert (tmp_path / "out" / "leak_ladder.png").is_file()
    page = (tmp_path / "out" / "patient" / "report.html").read_text(encoding="utf-8")
    assert 'id="ladder"' in page and result.stdout.splitlines()[-1].endswith("patient/report.html")
    (tmp_path / "out" / "ladder.json").unlink()
    again = call("train", "--ladder", "--resume", tmp_path / "out")
    assert again.exit_code == 0 and again.stdout == result.stdout


def test_origins_are_left_out_in_turn_or_one_alone(listing, tmp_path):
    words = ("train", "--protocol", "leave_one_origin_out", "--dataset", listing, *QUICK)
    both = call(*words, "--out", tmp_path / "both")
    assert both.exit_code == 0, both.stderr
    run = Run(tmp_path / "both")
    assert run.config["origins"] == ["north", "south"]
    scores = [f"{row['macro_f1']['value']:.2f}" for row in run.metrics["folds"]["runs"]]
    for origin, score in zip(("north", "south"), scores):
        assert f"Trained without {origin}, tested on it: macro-F1 {score}" in both.stdout
    one = call(*words, "--origin", "south", "--out", tmp_path / "one")
    assert one.exit_code == 0, one.stderr
    assert Run(tmp_path / "one").config["origin"] == "south"
    wrong = call(*words, "--origin", "east", "--out", tmp_path / "none")
    assert wrong.exit_code == 1 and "origin is 'east'; it must be one of north, south" in wrong.stderr


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--seeds", "3"], 2, "--seeds goes with --ladder"),
        (["--ladder", "--protocol", "random"], 2, "leave out --protocol"),
        (["--ladder", "--split-seed", "1", "--folds", "3"], 2, "leave out --folds, --split-seed"),
        (["--origin", "figshare"], 2, "--origin goes with --protocol leave_one_origin_out"),
        (["--protocol", "leave_one_origin_out", "--split-seed", "1"], 2, "give --seed"),
    ],
)
def test_words_that_do_not_go_together_are_named(words, code, message):
    result = call("train", "--model", "PCA", "--dataset", "nowhere", *words)
    assert result.exit_code == code and message in result.stderr


def test_a_folder_without_a_ladder_is_not_resumed(tmp_path):
    result = call("train", "--ladder", "--resume", tmp_path)
    assert result.exit_code == 1 and "holds no ladder" in result.stderr
    assert call("train", "--ladder", "--resume", tmp_path, "--seeds", 2).exit_code == 2
