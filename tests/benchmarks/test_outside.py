"""The study of scores outside: what it chooses and tells, and one cell from the images to the table."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from braintumor_tf.datasets.synthetic import write_synthetic

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))
import outside
import outside_cells


def one(validation: float, origins: float | None) -> dict:
    scores = {"roc_auc": {"value": validation}}
    return {"validation": scores, "origins": None if origins is None else {"roc_auc": {"value": origins}}}


def test_the_two_best_remedies_are_chosen_by_validation_and_origins_left_out():
    found = {
        "plain": [one(0.99, 0.99)],
        "counterfactuals": [one(0.8, 0.8), one(0.9, 0.8)],
        "box_loss": [one(0.95, 0.5)],
        "scanner": [one(0.9, None)],
        "balance": [one(0.7, 0.7)],
        "lesion_aware": [one(1.0, 1.0)],
    }
    assert outside.judged(found["counterfactuals"]) == pytest.approx(0.825)
    assert outside.best_two(found) == "counterfactuals+scanner"
    assert outside_cells.settings_of("counterfactuals+scanner") == {
        "counterfactuals": 1,
        "bias_fields": 0.3,
        "blur": 1.0,
    }
    assert outside_cells.settings_of("plain") == {}


def test_every_condition_is_a_training_that_is_known():
    from braintumor_tf.training import resolve_preset

    for name in outside_cells.CONDITIONS:
        changed = outside_cells.settings_of(name)
        preset = resolve_preset("scratch", **changed)
        assert {key: getattr(preset, key) for key in changed} == changed


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> list[str]:
    """Two synthetic sets with masks: one to train on, one outside."""
    found = []
    for seed in (0, 1):
        folder = tmp_path_factory.mktemp(f"set{seed}")
        counts = {"byte_copies": 0, "reencoded_copies": 0, "label_conflicts": 0}
        write_synthetic(
            folder, patients_per_class=8, slices_per_patient=2, image_size=64, seed=seed, show_progress=False, **counts
        )
        found.append(str(folder))
    return found


def test_the_study_runs_and_goes_on_without_training_anything_twice(folders, tmp_path, monkeypatch):
    arguments = [
        folders[0], "--seeds", "1", "--conditions", "plain", "--conditions", "counterfactuals", "--model", "PCA",
        "--weights", "random", "--image-size", "48", "--no-origins", "--explained", "0",
        "--out", str(tmp_path / "study"), "--results", str(tmp_path / "outside.json"),
        "--figure", str(tmp_path / "outside.png"),
    ]  # fmt: skip
    answer = CliRunner().invoke(outside.main, arguments)
    assert answer.exit_code == 0, answer.output
    found = json.loads((tmp_path / "outside.json").read_text())
    assert [row["condition"] for row in found["conditions"]] == ["plain", "counterfactuals"]
    assert found["conditions"][1]["validation AUC"]["seeds"] == 1
    pairs = found["seeds"]["counterfactuals"][0]["pairs"]
    assert pairs["pictures"] == 2 * (pairs["removed"] + pairs["pasted"]) > 20
    assert found["seeds"]["plain"][0]["pairs"] is None and "final" not in answer.output
    assert "| counterfactuals |" in answer.output and (tmp_path / "outside.png").is_file()

    def never(*_: object, **__: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(outside_cells, "train", never)
    last = CliRunner().invoke(outside.main, [*arguments, "--final", "--outside", f"other={folders[1]}"])
    assert last.exit_code == 0, last.output
    found = json.loads((tmp_path / "outside.json").read_text())
    scores = found["seeds"]["plain"][0]["final"]["other"]
    assert set(outside_cells.SCORES) <= set(scores) and scores["images"] > 30 and "other AUC" in last.output
    other = CliRunner().invoke(outside.main, [*arguments, "--epochs", "3"])
    assert other.exit_code == 1 and "other settings" in other.output
