"""A damaged file of a run is one line that names it, whichever command reads it; no command ends in a traceback."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.errors import DamagedRun, ModelError
from braintumor_tf.evaluation.prediction.ensemble_file import keep_members
from braintumor_tf.experiments import read_ladder, resume_ladder
from braintumor_tf.models import load_model
from braintumor_tf.models.factory import as_predictor
from braintumor_tf.runs import LADDER, LADDER_SETTINGS
from tests.calling import call
from tests.faults.damages import (
    OF_JSON,
    OF_TABLE,
    cut,
    made_run,
    renamed_in_skops,
    replaced,
    start_run,
    with_column,
    with_value,
    without_columns,
    without_part,
    without_value,
)
from tests.training.toy import toy_manifest

NETWORK, PIPELINE, PAIR, UNFINISHED, OTHER = "network", "pipeline", "pair", "unfinished", "other"
"""The runs: of a network, of the pipeline, an ensemble, one that was interrupted, and one to compare with."""

COMMANDS = {
    "predict": ("predict", "{run}", "{image}"),
    "abstain": ("predict", "{run}", "{image}", "--abstain"),
    "evaluate": ("evaluate", "{run}", "--no-baselines"),
    "noise": ("evaluate", "{run}", "--noise", "gaussian", "--severity", 1),
    "explain": ("explain", "{run}", "{image}", "--out", "{out}"),
    "check": ("explain", "{run}", "--check"),
    "compare": ("compare", "{run}", "{other}", "--resamples", 100, "--out", "{out}"),
    "report": ("train", "--resume", "{run}"),
    "ensemble": ("evaluate", "{run}", "{other}", "--out", "{out}", "--no-baselines"),
}
"""The commands that read a run; ``train --resume`` of a finished one writes its report anew."""

SETTINGS = tuple(name for name in COMMANDS if name != "explain")
MODEL = ("predict", "abstain", "evaluate", "noise", "explain", "check")
SCORED = ("compare", "report", "ensemble")
IMAGES = ("evaluate", "noise", "check", *SCORED)

ROWS = [
    *((NETWORK, "config.json", name, damage, SETTINGS) for name, damage in OF_JSON.items()),
    *((NETWORK, "metrics.json", name, damage, SCORED) for name, damage in OF_JSON.items()),
    *((NETWORK, "calibration.json", name, damage, ("abstain", "report")) for name, damage in OF_JSON.items()),
    *((NETWORK, "robustness.json", name, damage, ("report",)) for name, damage in OF_JSON.items()),
    *((PAIR, "ensemble.json", name, damage, MODEL[:4]) for name, damage in OF_JSON.items()),
    *((NETWORK, "predictions.csv", name, damage, SCORED) for name, damage in OF_TABLE.items()),
    *((NETWORK, "manifest.csv", name, damage, IMAGES) for name, damage in OF_TABLE.items()),
    *((NETWORK, "history.csv", name, OF_TABLE[name], ("report",)) for name in ("empty", "not UTF-8", "binary")),
    (NETWORK, "config.json", "no classes", without_value("classes"), ("evaluate", "compare", "ensemble")),
    (NETWORK, "config.json", "classes a number", with_value("classes", 4), SETTINGS),
    (NETWORK, "config.json", "no object", with_value("training", 3), SETTINGS),
    (NETWORK, "metrics.json", "NaN", with_value("macro_f1.value", float("nan")), SCORED),
    (NETWORK, "metrics.json", "infinite", replaced(b'{"accuracy": {"value": 1e999}}'), SCORED),
    (NETWORK, "metrics.json", "a score of text", with_value("macro_f1.value", "high"), SCORED),
    (NETWORK, "metrics.json", "no score", without_value("macro_f1.value"), SCORED),
    (NETWORK, "metrics.json", "an object for a list", with_value("confusion_matrix.counts", {}), SCORED),
    (NETWORK, "calibration.json", "no classes", without_value("conformal.classes"), ("abstain", "report")),
    (NETWORK, "calibration.json", "no temperature", with_value("temperature", None), ("abstain", "report")),
    (NETWORK, "calibration.json", "temperature 0", with_value("temperature.value", 0), ("abstain", "report")),
    (NETWORK, "calibration.json", "a threshold of text",
     with_value("conformal.classes.glioma.least_probability", "much"), ("abstain", "report")),
    (NETWORK, "robustness.json", "no table", with_value("table", []), ("report",)),
    (NETWORK, "predictions.csv", "no probabilities", without_columns("p_"), SCORED),
    (NETWORK, "predictions.csv", "no labels", without_columns("label"), SCORED),
    (NETWORK, "predictions.csv", "NaN", with_column("p_glioma", float("nan")), SCORED),
    (NETWORK, "predictions.csv", "text", with_column("p_glioma", "much"), SCORED),
    (NETWORK, "predictions.csv", "above 1", with_column("p_glioma", 7.0), SCORED),
    (NETWORK, "predictions.csv", "another class", with_column("predicted", "cyst"), SCORED),
    (NETWORK, "manifest.csv", "no labels", without_columns("label"), IMAGES),
    (NETWORK, "manifest.csv", "a width of text", with_column("width", "wide"), IMAGES),
    (NETWORK, "history.csv", "a loss of text", with_column("loss", "low"), ("report",)),
    (NETWORK, "history.csv", "no epoch", without_columns("epoch"), ("report",)),
    (NETWORK, "model.keras", "cut", cut, MODEL),
    (PIPELINE, "model.skops", "cut", cut, ("predict", "compare")),
    (PAIR, "ensemble.json", "no weight", without_value("members.0.weight"), MODEL[:4]),
    *((UNFINISHED, "config.json", name, damage, ("report",)) for name, damage in OF_JSON.items()),
    *((UNFINISHED, "manifest.csv", name, damage, ("report",)) for name, damage in OF_TABLE.items()),
    (UNFINISHED, "config.json", "no seed", without_value("seed"), ("report",)),
    (UNFINISHED, "config.json", "no training", without_value("training"), ("report",)),
    (UNFINISHED, "config.json", "an unknown setting", with_value("training.speed", 3), ("report",)),
    (UNFINISHED, "config.json", "an unknown noise", with_value("noise", {"noise": "rain"}), ("report",)),
    (UNFINISHED, "config.json", "a stage without epochs", without_value("training.stages.0.epochs"), ("report",)),
]  # fmt: skip
"""Which run, which of its files, what happens to it, and the commands that must refuse it."""


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> Path:
    """The runs, whole, and one picture."""
    folder = tmp_path_factory.mktemp("kept")
    manifest = toy_manifest(folder / "images")
    runs = [made_run(folder / name, manifest, seed=seed, noise=name == NETWORK)
            for seed, name in enumerate((NETWORK, OTHER))]  # fmt: skip
    made_run(folder / PIPELINE, manifest, model="PCA", seed=2)
    pair = made_run(folder / PAIR, manifest, seed=3)
    (pair.path / "model.keras").unlink()
    keep_members(pair, runs)
    start_run(folder / UNFINISHED, manifest, "CNN", 4)
    shutil.copy(manifest["path"].iloc[-1], folder / "image.png")
    return folder


@pytest.fixture
def runs(kept, tmp_path) -> Path:
    """A copy of the runs to be damaged."""
    for name in (NETWORK, OTHER, PIPELINE, PAIR, UNFINISHED):
        shutil.copytree(kept / name, tmp_path / name)
    return tmp_path


def words(command: str, kept: Path, runs: Path, name: str) -> list[str]:
    places = {"run": runs / name, "other": runs / OTHER, "image": kept / "image.png", "out": runs / "out"}
    return [str(word).format(**places) for word in COMMANDS[command]]


@pytest.mark.parametrize("name, file, how, damage, commands", ROWS, ids=[f"{row[1]}-{row[2]}-{row[0]}" for row in ROWS])
def test_damage_is_one_line_that_names_the_file(kept, runs, name, file, how, damage, commands):
    damage(runs / name / file)
    for command in commands:
        result = call(*words(command, kept, runs, name))
        lines = [line for line in result.stderr.splitlines() if line.startswith("braintumor-tf: ")]
        lines = [line for line in lines if "cannot be checked" not in line]  # the models have no hash, as in old runs
        assert isinstance(result.exception, SystemExit), (command, result.exception)
        assert result.exit_code == 1 and len(lines) == 1, (command, result.output)
        assert str(runs / name / file) in lines[0], (command, lines)
        assert len(lines[0]) < 600, (command, lines)


@pytest.mark.parametrize(
    "name, file, damage",
    [
        (NETWORK, "model.keras", cut),
        (NETWORK, "model.keras", replaced(b"")),
        (NETWORK, "model.keras", without_part("model.weights.h5")),
        (NETWORK, "model.keras", without_part("config.json")),
        (PIPELINE, "model.skops", cut),
        (PIPELINE, "model.skops", without_part("schema.json")),
        (PIPELINE, "model.skops", renamed_in_skops('"classes"', '"klasses"')),
        (PIPELINE, "model.skops", renamed_in_skops('"pipeline"', '"pipelime"')),
        (PIPELINE, "model.skops", renamed_in_skops('"components_"', '"komponents_"')),
    ],
)
def test_the_loader_of_a_model_names_a_damaged_file(kept, tmp_path, name, file, damage):
    shutil.copy(kept / name / file, tmp_path / file)
    assert tuple(as_predictor(load_model(tmp_path / file)).classes) == CLASSES
    damage(tmp_path / file)
    with pytest.raises(ModelError) as caught:
        load_model(tmp_path / file)
    assert str(tmp_path / file) in str(caught.value) and "\n" not in str(caught.value)
    assert "not found" not in str(caught.value).lower()


@pytest.mark.parametrize("how", OF_JSON)
def test_a_damaged_ladder_is_named(kept, tmp_path, how):
    (tmp_path / LADDER).write_text('{"model": "CNN"}')
    with pytest.raises(DamagedRun, match="it has no "):
        read_ladder(tmp_path)
    for name in (LADDER, LADDER_SETTINGS):
        shutil.copy(kept / NETWORK / "config.json", tmp_path / name)
        OF_JSON[how](tmp_path / name)
    shutil.copy(kept / NETWORK / "manifest.csv", tmp_path / "manifest.csv")
    for name, read in ((LADDER, read_ladder), (LADDER_SETTINGS, resume_ladder)):
        with pytest.raises(DamagedRun) as caught:
            read(tmp_path)
        assert caught.value.path == str(tmp_path / name)


@pytest.mark.parametrize("command", ["predict", "abstain", "evaluate", "explain", "compare"])
def test_whole_runs_are_taken(kept, runs, command):
    result = call(*words(command, kept, runs, NETWORK))
    assert result.exit_code == 0, result.output
