"""The noise study, end to end on a tiny synthetic set, and its arithmetic on made answers."""

from __future__ import annotations

import importlib.util
import json
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image
from sklearn.metrics import f1_score

from braintumor_tf.augment.noise import NOISE_PRESETS, from_description, training_noise
from braintumor_tf.datasets import write_synthetic
from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.evaluation import Robustness, read_robustness
from braintumor_tf.leakage import drop_copies
from braintumor_tf.runs import Run

REPOSITORY = Path(__file__).resolve().parents[2]
BENCHMARKS = REPOSITORY / "benchmarks"
sys.path.append(str(BENCHMARKS))
import noise_study  # noqa: E402
import noise_study_cells as cells_of  # noqa: E402
import noise_study_tables as tables_of  # noqa: E402

WITHOUT_TENSORFLOW = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name == "tensorflow":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())  # None in sys.modules would make Keras ask TensorFlow for its graph
"""

STUDY = """
import sys, noise_study
from tests.training.toy import small_cnn_in_the_registry

with small_cnn_in_the_registry():
    noise_study.main(sys.argv[1:])
"""


def arguments(folder: Path, place: Path, *words: object) -> list[str]:
    tiny = ("--model", "CNN", "--weights", "random", "--image-size", 32, "--preset", "smoke", "--epochs", 1)
    files = ("--out", place / "out", "--results", place / "study.json", "--figure", place / "study.png")
    return [str(word) for word in (folder, *tiny, "--duplicates", "removed", *files, *words)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return write_synthetic(
        tmp_path_factory.mktemp("data") / "set", patients_per_class=6, slices_per_patient=3, image_size=48,
        byte_copies=4, reencoded_copies=0, label_conflicts=0, show_progress=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def study(folder, tmp_path_factory) -> tuple[Path, str]:
    """A finished study and what it printed: on JAX and without TensorFlow where JAX is installed."""
    place = tmp_path_factory.mktemp("study")
    words = arguments(folder, place, "--training-noise-size", 48, "--conditions", "clean", "--conditions", "all")
    jax = importlib.util.find_spec("jax") is not None
    answer = subprocess.run(
        [sys.executable, "-c", (WITHOUT_TENSORFLOW if jax else "") + STUDY, *words],
        env={
            **os.environ,
            "KERAS_BACKEND": "jax" if jax else "tensorflow",
            "PYTHONPATH": os.pathsep.join(map(str, (BENCHMARKS, REPOSITORY))),
        },
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr[-2000:]
    return place, answer.stdout


def test_a_study_writes_its_runs_tables_and_figure(study):
    place, printed = study
    runs = {path.name: Run.of(path) for path in (place / "out" / "runs").iterdir()}
    assert sorted(runs) == ["grouped_removed_1_all_0", "grouped_removed_1_clean_0"]
    noises = {name: run.config["noise"] for name, run in runs.items()}
    assert noises["grouped_removed_1_clean_0"] is None
    drawn = from_description(noises["grouped_removed_1_all_0"])
    assert drawn == training_noise(cells_of.SEEN, (1, 2, 3, 4, 5), probability=0.5, size=48)
    table = pd.read_csv(place / "out" / "study.csv")
    assert set(table["condition"]) == {"clean", "all"} and set(table["noise"]) == {"clean", *NOISE_PRESETS}
    assert len(table[table["metric"] == "macro_f1"]) == 2 * (1 + 7 * 5)
    assert Image.open(place / "study.png").width >= 800 and (place / "study.png").stat().st_size <= 150_000
    found = json.loads((place / "study.json").read_text())
    assert [record["condition"] for record in found["records"]] == ["clean", "all"]
    assert set(found["goals"]) == {"seen_loss", "clean_loss"} and str(place) not in json.dumps(found)
    assert printed.count("\n| clean |") == 1 and "| grouped | removed | 1 |" in printed


def test_the_scores_of_the_tables_are_those_of_the_runs(study):
    place, _ = study
    records = json.loads((place / "study.json").read_text())["records"]
    found = [
        read_robustness(place / "out" / "runs" / f"grouped_removed_1_{record['condition']}_0") for record in records
    ]
    for record, own in zip(records, found):
        table = own.table[own.table["metric"] == "macro_f1"].set_index(["noise", "severity"])
        assert record["clean"] == pytest.approx(table.loc[("clean", 0), ["value", "low", "high"]].to_dict())
        assert record["seen_loss"] == pytest.approx(own.mean_loss(cells_of.SEEN, severities=[3]).to_dict())
        assert record["common"] == record["rest"] == record["clean"] and record["twins"] is None
    assert records[1]["clean_loss"]["value"] == pytest.approx(
        records[0]["clean"]["value"] - records[1]["clean"]["value"]
    )


def test_finished_cells_are_skipped_and_other_settings_refused(folder, study, monkeypatch):
    place, first = study
    monkeypatch.setattr(cells_of, "train_cell", lambda *ignored: pytest.fail("a finished cell was trained again"))
    words = arguments(folder, place, "--training-noise-size", 48, "--conditions", "clean", "--conditions", "all")
    again = CliRunner().invoke(noise_study.main, words, catch_exceptions=False)
    assert again.exit_code == 0 and "2 cells, 0 to do" in again.output
    assert again.output[again.output.index("| trained") :] == first[first.index("| trained") :]
    other = CliRunner().invoke(noise_study.main, [*words, "--severity", "1-3"])
    assert other.exit_code == 1 and "other settings" in other.output


def _hold(path: Path, held: object, free: object) -> None:
    with cells_of._claimed(path) as mine:
        assert mine
        held.set()
        free.wait(60)


def test_a_cell_that_another_process_works_at_is_left_to_it(tmp_path):
    context = multiprocessing.get_context("fork")
    held, free = context.Event(), context.Event()
    process = context.Process(target=_hold, args=(tmp_path / "cell", held, free))
    process.start()
    assert held.wait(60)
    with cells_of._claimed(tmp_path / "cell") as mine:
        assert not mine
    process.kill()  # a killed process frees its claim
    process.join()
    with cells_of._claimed(tmp_path / "cell") as mine:
        assert mine


def test_removing_duplicates_moves_no_image_to_another_part(folder):
    found = cells_of.split_manifests(str(folder), ["grouped", "random"], ["kept", "removed"])
    for protocol in ("grouped", "random"):
        kept, removed = (found[protocol, name].set_index("path") for name in ("kept", "removed"))
        assert len(kept) - len(removed) >= 4 and len(drop_copies(removed.reset_index())) == len(removed)
        assert (kept.loc[removed.index, "split"] == removed["split"]).all()


def made_robustness(seed: int, share_right: float) -> Robustness:
    """Answers to 120 images in groups of two, right by chance; the three noises cost half."""
    rng = np.random.default_rng(seed)
    images = pd.DataFrame({"path": [f"{index:03}" for index in range(120)], "label": np.repeat(CLASSES, 30)})
    images = images.assign(split="test", group=[f"g{index // 2}" for index in range(120)])
    shares = {"clean": share_right, **dict.fromkeys(cells_of.SEEN, share_right / 2)}
    shares |= dict.fromkeys(cells_of.UNSEEN, 0.25)
    parts = [
        images.assign(
            predicted=np.where(rng.random(120) < share, images["label"], rng.choice(CLASSES, 120)),
            noise=name,
            severity=0 if name == "clean" else 3,
        )
        for name, share in shares.items()
    ]
    return Robustness("made", CLASSES, pd.concat(parts, ignore_index=True), {"seed": 0, "resamples": 200})


def test_losses_are_against_the_own_clean_score_and_the_network_trained_clean():
    plain, noisy = (cells_of.Cell("random", "kept", 12, name, 0) for name in ("clean", "all"))
    found = {plain: made_robustness(0, 0.9), noisy: made_robustness(1, 0.8)}
    paths = pd.Series([f"{index:03}" for index in range(120)])
    images = pd.DataFrame({"path": paths, "split": "test", "group": [f"g{index // 2}" for index in range(120)]})
    training = pd.DataFrame({"path": "other", "split": "train", "group": images["group"][::6]})  # every third group
    whole = pd.concat([images, training])
    manifests = {("random", "kept"): whole, ("random", "removed"): whole[::2]}
    first, second = tables_of.summarise(found, manifests)

    def f1(each: Robustness, noise: str, chosen: slice | np.ndarray = slice(None)) -> float:
        rows = each.predictions[each.predictions["noise"] == noise][chosen]
        return f1_score(rows["label"], rows["predicted"], average="macro")

    own, twin = found[noisy], images["group"].isin(training["group"]).to_numpy()
    for name, noises in (("seen_loss", cells_of.SEEN), ("unseen_loss", cells_of.UNSEEN)):
        lost = np.mean([f1(own, "clean") - f1(own, noise) for noise in noises])
        assert second[name]["value"] == pytest.approx(lost)
        assert second[name]["low"] < lost < second[name]["high"]
    assert second["clean_loss"]["value"] == pytest.approx(f1(found[plain], "clean") - f1(own, "clean"))
    assert second["common"]["value"] == pytest.approx(f1(own, "clean", slice(None, None, 2)))
    assert second["twins"]["value"] == pytest.approx(f1(own, "clean", twin))
    assert second["rest"]["value"] == pytest.approx(f1(own, "clean", ~twin))
    assert "clean_loss" not in first
    goals = tables_of.check_goals([first, second])
    assert not goals["seen_loss"]["met"] and goals["clean_loss"]["at_most"] == 0.01


def test_a_network_against_itself_loses_nothing():
    plain, noisy = (cells_of.Cell("random", "kept", 12, name, 0) for name in ("clean", "all"))
    same = made_robustness(0, 0.9)
    manifest = same.predictions[same.predictions["noise"] == "clean"]
    record = tables_of.summarise({plain: same, noisy: same}, {("random", "kept"): manifest})[1]
    assert record["clean_loss"]["value"] == 0.0
    width = record["clean"]["high"] - record["clean"]["low"]  # paired: little spread is left
    assert -0.5 * width < record["clean_loss"]["low"] < 0 < record["clean_loss"]["high"] < 0.5 * width
