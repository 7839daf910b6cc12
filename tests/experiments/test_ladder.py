"""The leak ladder: three runs that differ in their split alone, resumable, combined over seeds, reported."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from braintumor_tf.errors import EvaluationError, RunError
from braintumor_tf.experiments import Ladder, combine_ladders, read_ladder, resume_ladder, run_ladder
from braintumor_tf.experiments import ladder as module
from braintumor_tf.leakage import count_leaks
from braintumor_tf.report import write_report
from braintumor_tf.runs import Run
from tests.experiments.quick import without_trees
from tests.training.toy import toy_manifest

SETTINGS = {"image_size": 16, "augmentation": {}, "resamples": 20, "show_progress": False}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> pd.DataFrame:
    """Toy images of 36 patients, four images each."""
    rows = toy_manifest(tmp_path_factory.mktemp("toy"))
    number = rows.groupby("label").cumcount()
    patient = rows["label"] + (number // 4).astype(str)
    return rows.assign(patient=patient, group="", split="", pixel_hash=rows["md5"])


@pytest.fixture(scope="module", autouse=True)
def _quick() -> Iterator[None]:
    """No near-duplicates are searched for: the toy images are noise, and the search is tested elsewhere."""
    patch = pytest.MonkeyPatch()
    patch.setattr(module, "near_pairs", lambda manifest, **_: pd.DataFrame({"first": [0], "second": [1]}))
    with without_trees():
        yield
    patch.undo()


@pytest.fixture(scope="module")
def out(manifest, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("ladder") / "out"
    run_ladder(manifest, "PCA", out=folder, seed=5, config={"dataset": "toy"}, **SETTINGS)
    return folder


def test_the_rungs_differ_in_their_split_alone(out, manifest):
    runs = {name: Run(out / name) for name in ("random", "look-alike", "patient")}
    configs = [run.config for run in runs.values()]
    differ = {key for key in configs[0] for config in configs if config[key] != configs[0][key]}
    assert differ == {"protocol", "grouping", "data_fingerprint"}
    assert [config["grouping"] for config in configs] == list(runs)
    people = manifest.set_index("path")["patient"]
    for name, run in runs.items():
        kept = run.manifest
        assert sorted(kept["path"]) == sorted(manifest["path"])
        parts = {side: set(people[kept.loc[kept["split"] == side, "path"]]) for side in ("train", "test")}
        assert bool(parts["train"] & parts["test"]) == (name != "patient")


def test_the_ladder_holds_the_scores_of_its_runs(out, manifest):
    ladder = read_ladder(out)
    assert ladder == Ladder.from_dict(json.loads((out / "patient" / "ladder.json").read_text()))
    assert (ladder.images, ladder.patients, ladder.known_patients) == (len(manifest), 36, len(manifest))
    for rung in ladder.rungs:
        metrics = Run(out / rung.run).metrics
        assert rung.scores["model"]["macro_f1"].to_dict() == metrics["macro_f1"]
        nearest = metrics["baselines"]["nearest_neighbour"]
        assert rung.scores["nearest_neighbour"]["accuracy"].value == nearest["value"]
        kept = Run(out / rung.run).manifest
        assert rung.leaks.same_patient == count_leaks(kept).same_patient
    assert ladder.rungs[0].leaks.same_patient > 0 and ladder.rungs[2].leaks.same_patient == 0
    table = pd.read_csv(out / "ladder.csv")
    assert len(table) == 3 * 3 * 2 and table["value"].notna().all()


def test_what_is_missing_is_made_and_what_is_finished_is_kept(out, monkeypatch):
    before = read_ladder(out)
    trained = []
    monkeypatch.setattr(module, "run_experiment", lambda *a, **k: trained.append(k["out"].name) or real(*a, **k))
    kept = (out / "patient" / "model.skops").stat().st_mtime_ns
    for name in ("metrics.json", "predictions.csv"):
        (out / "random" / name).unlink()
    (out / "ladder.json").unlink()
    assert resume_ladder(out, show_progress=False) == before
    assert trained == ["patient", "look-alike", "random"]  # all asked for; the finished ones return as they are
    assert (out / "patient" / "model.skops").stat().st_mtime_ns == kept


real = module.run_experiment


def test_other_settings_and_other_folders_are_refused(out, manifest, tmp_path):
    with pytest.raises(RunError, match="another image_size"):
        run_ladder(manifest, "PCA", out=out, seed=5, config={"dataset": "toy"}, **{**SETTINGS, "image_size": 20})
    with pytest.raises(RunError, match="holds no ladder"):
        resume_ladder(tmp_path)


def test_what_is_refused_changes_nothing_in_the_directory(out, manifest, tmp_path):
    def files(folder: Path) -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    before = files(out)
    for changed, seed, name in (
        (manifest, 6, "another seed"),
        (manifest.iloc[4:], 5, "another images, patients"),
        (manifest.assign(patient=""), 5, "another patients"),
    ):
        with pytest.raises(RunError, match=name):
            run_ladder(changed, "PCA", out=out, seed=seed, config={"dataset": "toy"}, **SETTINGS)
    with pytest.raises(RunError, match="holds a leak ladder"):
        Run.create(out, {}, manifest)
    assert files(out) == before
    Run.create(tmp_path / "run", {}, manifest)
    before = files(tmp_path)
    with pytest.raises(RunError, match="holds a run"):
        run_ladder(manifest, "PCA", out=tmp_path / "run", seed=5, config={"dataset": "toy"}, **SETTINGS)
    assert files(tmp_path) == before


def test_the_report_of_the_patient_rung_shows_the_ladder(out):
    page = write_report(out / "patient").read_text(encoding="utf-8")
    assert '<section id="ladder">' in page and "patients together" in page
    assert "Leak ladder" in (out / "patient" / "MODEL_CARD.md").read_text(encoding="utf-8")
    other = write_report(out / "random").read_text(encoding="utf-8")
    assert '<section id="ladder">' not in other and "have that patient in training" in other


def test_several_seeds_are_averaged(manifest, tmp_path):
    both = run_ladder(manifest, "PCA", out=tmp_path, seeds=2, **SETTINGS)
    single = [read_ladder(tmp_path / f"seed_{seed}") for seed in (0, 1)]
    assert both.seeds == (0, 1) and both.single == tuple(single) and both.interval == "95 % over seeds and groups"
    plain = combine_ladders(single)
    assert plain.interval == "least and largest over seeds"
    for place, rung in enumerate(both.rungs):
        for row in both.rows:
            values = [one.rungs[place].scores[row]["accuracy"].value for one in single]
            found, ends = rung.scores[row]["accuracy"], plain.rungs[place].scores[row]["accuracy"]
            assert found.value == pytest.approx(np.mean(values)) and found.low < found.value <= found.high
            assert (ends.value, ends.low, ends.high) == (found.value, min(values), max(values))
        assert rung.leaks.images == sum(one.rungs[place].leaks.images for one in single)
    assert read_ladder(tmp_path / "seed_1" / "patient") == both
    with pytest.raises(EvaluationError, match="a seed occurs twice"):
        combine_ladders([single[0], single[0]])
    assert combine_ladders(single[:1]) == single[0]


def test_without_patients_two_rungs_share_a_run(manifest, tmp_path):
    plain = manifest.assign(patient="")
    ladder = run_ladder(plain, "PCA", out=tmp_path / "out", baselines=False, **SETTINGS)
    assert [rung.run for rung in ladder.rungs] == ["random", "patient", "patient"]
    assert not (tmp_path / "out" / "look-alike").exists()
    assert ladder.rungs[1].scores == ladder.rungs[2].scores
