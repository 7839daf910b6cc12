"""Mistakes are answered before TensorFlow and Keras are imported, by every command."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

CALL_ALL = """
import json, sys
from click.testing import CliRunner
from braintumor_tf.cli.main import main

class Refused(BaseException):
    pass

class Gate:
    def find_spec(self, name, path=None, target=None):
        if name in ("tensorflow", "keras"):
            raise Refused(name)

sys.meta_path.insert(0, Gate())
for words in json.loads(sys.argv[1]):
    imported = None
    try:
        result = CliRunner().invoke(main, words)
    except Refused as name:
        imported = str(name)
    print(json.dumps({"imported": imported, "code": result.exit_code, "said": result.stderr}), flush=True)
"""
TRAIN = ("train", "--dataset", "pictures", "--no-link")
MISTAKES = {
    "model typo, train": ([*TRAIN, "--model", "MobilNetV2"], 1, "did you mean MobileNetV2"),
    "model typo, search": (["search", "--model", "EficientNetB0", "--dataset", "pictures"], 1, "did you mean Eff"),
    "model typo, fetch": (["models", "fetch", "ViT-B16"], 1, "did you mean ViT-B/16"),
    "taken --out, train": ([*TRAIN, "--model", "CNN", "--out", "taken"], 1, "taken"),
    "taken --out, ladder": ([*TRAIN, "--model", "CNN", "--ladder", "--out", "taken"], 1, "taken"),
    "taken --out, kfold": ([*TRAIN, "--model", "CNN", "--protocol", "kfold", "--out", "taken"], 1, "taken"),
    "taken --out, search": (["search", "--model", "CNN", "--dataset", "pictures", "--out", "file"], 1, "file"),
    "taken --out, import": (
        ["import-model", "file", "--classes", "a,b", "--preprocess", "none", "--out", "taken"], 1, "file",
    ),
    "taken --out, merge": (["datasets", "merge", "pictures", "one_class", "--out", "taken"], 1, "taken"),
    "taken file, copy": (["notebooks", "copy", "file"], 1, "file"),
    "cannot be written, train": ([*TRAIN, "--model", "CNN", "--out", "file/run"], 1, "file"),
    "cannot be written, search": (["search", "--model", "CNN", "--dataset", "pictures", "--out", "file/x"], 1, "file"),
    "cannot be written, run": (["run", "00", "--out", "file/x"], 1, "file"),
    "missing data set, train": (["train", "--model", "CNN", "--dataset", "absent"], 1, "absent"),
    "missing data set, search": (["search", "--model", "CNN", "--dataset", "absent"], 1, "absent"),
    "missing data set, run": (["run", "00", "--dataset", "absent"], 1, "absent"),
    "missing data set, audit": (["audit", "absent"], 1, "absent"),
    "missing data set, link": (["datasets", "link", "absent"], 1, "absent"),
    "missing data set, merge": (["datasets", "merge", "absent", "absent2", "--out", "new"], 1, "absent"),
    "missing data set, verify": (["datasets", "verify", "absent"], 1, "absent"),
    "missing data set, fetch": (["datasets", "fetch", "sartai"], 1, "sartai"),
    "missing weights, train": ([*TRAIN, "--model", "MobileNetV2", "--weights", "absent.h5"], 1, "absent.h5"),
    "missing preset, train": ([*TRAIN, "--model", "CNN", "--preset", "absent.json"], 1, "absent.json"),
    "missing space, search": (["search", "--model", "CNN", "--dataset", "x", "--space", "absent"], 1, "absent"),
    "missing notebook": (["run", "77"], 1, "no notebook 77"),
    "missing model file": (
        ["import-model", "absent", "--classes", "a,b", "--preprocess", "none", "--out", "new"], 1, "absent",
    ),
    "missing run, predict": (["predict", "absent", "picture.png"], 1, "absent"),
    "missing run, evaluate": (["evaluate", "absent"], 1, "absent"),
    "missing run, explain": (["explain", "absent", "picture.png"], 1, "absent"),
    "missing run, compare": (["compare", "absent", "absent2"], 1, "absent"),
    "missing run, export": (["export", "absent", "--out", "new"], 1, "absent"),
    "missing run, resume": (["train", "--resume", "absent"], 1, "absent"),
    "wrong size, train": ([*TRAIN, "--model", "CNN", "--image-size", "8"], 1, "31 pixels"),
    "wrong size, search": (["search", "--model", "CNN", "--dataset", "pictures", "--image-size", "8"], 1, "31 pixels"),
    "one class, train": (["train", "--no-link", "--dataset", "one_class", "--model", "CNN"], 1, "one class alone"),
    "one class, search": (["search", "--no-link", "--dataset", "one_class", "--model", "CNN"], 1, "one class alone"),
    "parameter typo, run": (["run", "00", "-p", "EPOCH", "3"], 1, "EPOCH"),
    "wrong value, run": (["run", "00", "-p", "EPOCHS", "three"], 1, "EPOCHS must be"),
}  # fmt: skip


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    """Makes all mistakes in one process, and returns the answers."""
    folder = tmp_path_factory.mktemp("mistakes")
    draws = np.random.default_rng(0)
    for place in ("pictures/glioma", "pictures/no_tumor", "one_class/glioma"):
        (folder / place).mkdir(parents=True)
        for number in range(12):
            Image.fromarray(draws.integers(0, 255, (40, 40), dtype=np.uint8)).save(folder / place / f"{number}.png")
    (folder / "taken").mkdir()
    (folder / "taken" / "config.json").write_text("{}")
    (folder / "taken" / "manifest.csv").write_text("path,label,split\n")
    (folder / "file").write_text("text")
    code = CALL_ALL, json.dumps([words for words, _, _ in MISTAKES.values()])
    answer = subprocess.run([sys.executable, "-c", *code], cwd=folder, capture_output=True, text=True, check=False)
    lines = [json.loads(line) for line in answer.stdout.splitlines() if line.startswith('{"imported"')]
    return dict(zip(MISTAKES, lines))


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_answered_in_one_line_before_tensorflow_is_imported(answers, name):
    _, code, message = MISTAKES[name]
    found = answers[name]
    assert found["imported"] is None
    assert found["code"] == code and message in found["said"]
    assert "Traceback" not in found["said"]
