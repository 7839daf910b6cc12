"""The command ``search``, which also trains what it found."""

from __future__ import annotations

import json
import shlex

from click.testing import CliRunner

from braintumor_tf.cli.main import main
from braintumor_tf.datasets import write_synthetic
from tests.training.toy import small_cnn_in_the_registry


@small_cnn_in_the_registry()
def test_the_command_searches_trains_and_names_wrong_words(tmp_path):
    images = write_synthetic(
        tmp_path / "images", patients_per_class=6, slices_per_patient=2, image_size=64,
        byte_copies=0, reencoded_copies=0, label_conflicts=0, show_progress=False,
    )  # fmt: skip
    out = tmp_path / "out"
    words = [
        "search",
        "--model",
        "CNN",
        "--dataset",
        str(images),
        "--trials",
        "2",
        "--preset",
        "smoke",
        "--out",
        str(out),
    ]
    words += ["--image-size", "32"]
    wrong = CliRunner().invoke(main, [*words, "--only", "rate"])
    assert (wrong.exit_code, wrong.stderr.count("\n")) == (1, 1)
    assert "rate: no such parameter" in wrong.stderr
    done = CliRunner().invoke(main, [*words, "--only", "dropout", "--epochs", "1", "--train"])
    assert done.exit_code == 0, done.output
    assert "best: trial" in done.stdout
    lines = done.stdout.splitlines()
    pasted = shlex.split(lines[lines.index("to train with it:") + 1])
    context = main.commands["train"].make_context("train", pasted[2:])
    found = json.loads((out / "search.json").read_text())
    assert pasted[:2] == ["braintumor-tf", "train"] and context.params["preset"] == str(out / "best.json")
    assert context.params["datasets"] == (str(images),) and context.params["split_seed"] == 0
    assert [context.params["image_size"]] * 2 == found["image_size"]
    for name in ("model", "weights", "crop", "dropout", "seed"):
        assert context.params[name] == found[name], name
    assert lines[-1].startswith("report: ")
    assert (out / "best" / "report.html").is_file()
    config = json.loads((out / "best" / "config.json").read_text())
    assert config["dropout"] == json.loads((out / "search.json").read_text())["dropout"]
    (tmp_path / "space.json").write_text('{"dropout": {"low": 0.0, "high": 0.5}}')
    again = CliRunner().invoke(main, [*words, "--space", str(tmp_path / "space.json"), "--epochs", "1", "--json"])
    assert json.loads(again.stdout)["trials"] == 2
