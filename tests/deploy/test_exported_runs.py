"""An exported folder in the place of a run: predict, evaluate and compare, without TensorFlow or Keras."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from braintumor_tf.cli.export import export as export_command
from braintumor_tf.deploy import FORMATS
from braintumor_tf.evaluation import compare
from braintumor_tf.experiments import predict_files
from tests.calling import call

COMMANDS = """
import contextlib, io, json, sys
from braintumor_tf.cli.main import main
heavy = {"tensorflow", "keras", "matplotlib", "sklearn", "scipy.stats"}
said, imported = [], []
for words in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()) as text:
        try:
            main(words)
        except SystemExit as end:
            assert not end.code, (words, end.code)
    said.append(text.getvalue())
    imported.append(sorted(heavy & set(sys.modules)))
print(json.dumps({"said": said, "imported": imported}))
"""


@pytest.fixture(scope="module")
def pictures(run) -> list[str]:
    rows = run.manifest
    return [*rows.loc[rows["split"] == "test", "path"].head(5), rows.loc[rows["split"] == "train", "path"].iloc[0]]


def test_predict_says_the_same_of_files_as_the_run(run, exported, pictures):
    how = {"abstain": True, "show_progress": False}
    found, wanted = (predict_files(model, pictures, **how) for model in (exported[1], run))
    numbers = list(wanted.select_dtypes("number"))
    assert list(found) == list(wanted) and len(numbers) >= 9
    np.testing.assert_allclose(found[numbers], wanted[numbers], atol=1e-4)
    same = ["path", "predicted", "answer", "set", "gate", "training_image", "error"]
    pd.testing.assert_frame_equal(found[same], wanted[same])
    assert found["training_image"].iloc[-1] == pictures[-1] and found["gate"].map(type).eq(tuple).all()


def test_views_of_an_exported_model_are_those_of_the_run(run, exported, pictures):
    found, wanted = (predict_files(model, pictures, views=3, show_progress=False) for model in (exported[1], run))
    columns = [name for name in wanted if name.startswith("p_")]
    np.testing.assert_allclose(found[columns], wanted[columns], atol=1e-4)
    once = predict_files(exported[1], pictures, show_progress=False)
    assert np.abs(once[columns].to_numpy() - found[columns].to_numpy()).max() > 1e-3


def test_commands_import_neither_tensorflow_nor_keras(run, exported, pictures, tmp_path):
    _, out = exported
    out = str(out)
    words = [
        ["predict", out, *pictures, "--json"],
        ["evaluate", out, "--no-baselines", "--json"],
        ["compare", out, str(run.path), "--resamples", "100", "--json", "--out", str(tmp_path / "page")],
    ]
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS, json.dumps(words)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["imported"][0] == []  # predict starts in about a second
    assert not {"tensorflow", "keras"} & set(found["imported"][-1])
    predicted, evaluated, compared = map(json.loads, found["said"])
    wanted = predict_files(run, pictures, show_progress=False)
    assert [row["predicted"] for row in predicted] == wanted["predicted"].tolist()
    assert evaluated["accuracy"] == run.metrics["accuracy"]
    assert evaluated["macro_f1"]["value"] == pytest.approx(run.metrics["macro_f1"]["value"])
    pair = compared["pairs"][0]
    assert compared["images"] == run.metrics["images"]
    assert pair["macro_f1_difference"] == pair["only_first"] == pair["only_second"] == 0


def test_a_comparison_names_what_each_costs(run, exported):
    found = compare([run, exported[1]], resamples=100, show_progress=False).leaderboard
    rows = found.set_index("path")
    assert len(rows) == 2 and rows["macro_f1"].nunique() == rows["parameters"].nunique() == 1
    for path in (run.path / "model.keras", exported[1] / "model.onnx"):
        assert rows.loc[str(path.parent), "bytes"] == path.stat().st_size


def test_the_command_writes_what_the_function_returns(run, exported, tmp_path, monkeypatch):
    from braintumor_tf import deploy

    asked = {}
    monkeypatch.setattr(deploy, "export", lambda opened, **how: asked.update(run=opened.path, **how) or exported[0])
    result = call("export", run.path, "--int8", "--allow-changed", 0.05, "--out", tmp_path / "a")
    assert result.exit_code == 0, result.stderr
    assert asked == {
        "run": run.path, "out": str(tmp_path / "a"), "format": "onnx", "int8": True, "allow_changed": 0.05
    }  # fmt: skip
    assert "0 (0.0%) are answered otherwise than by the run" in result.stdout
    told = call("export", run.path, "--out", tmp_path / "a", "--json")
    assert json.loads(told.stdout) == json.loads(json.dumps(exported[0].to_dict()))


def test_the_command_offers_every_format():
    offered = next(option for option in export_command.params if option.name == "format").type.choices
    assert tuple(offered) == tuple(FORMATS)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["/no/such/run", "--out", "x"], 1, "not a run directory"),
        (["x"], 2, "--out"),
        (["x", "--out", "y", "--format", "pt"], 2, "'pt' is not one of"),
    ],
)
def test_wrong_words_are_named(words, code, message):
    result = call("export", *words)
    assert result.exit_code == code and message in result.stderr
