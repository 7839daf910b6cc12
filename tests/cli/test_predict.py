"""The command ``predict``: classes, probabilities, and the answer that it does not know."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.evaluation.scores.judgement import BETTER, NOT_TOLD_APART, WORSE
from braintumor_tf.runs import Run
from braintumor_tf.types import Score
from tests.calling import call


def test_predict_names_class_and_probabilities_and_what_cannot_be_read(trained, tmp_path):
    _, run = trained
    images = list(run.predictions["path"][:2])
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    result = call("predict", run.path, images[0], broken, images[1], "--json")
    assert result.exit_code == 1
    assert sum(str(broken) in line for line in result.stderr.splitlines()) == 1  # a slow machine also shows a bar
    first, error, second = json.loads(result.stdout)  # in the order given
    assert [first["path"], second["path"], error["path"]] == [*images, str(broken)] and error["error"]
    assert list(first["probabilities"]) == list(CLASSES) and sum(first["probabilities"].values()) == pytest.approx(1)
    assert first["predicted"] == run.predictions["predicted"][0]
    result = call("predict", run.path, images[0])
    assert result.exit_code == 0 and result.stdout.startswith(f"{images[0]}: {first['predicted']} (glioma 0.")
    last = result.stdout.splitlines()[-1]
    assert last == "Probabilities: the model's own, without a temperature, as they were scored."


def test_predict_can_say_that_it_does_not_know(trained):
    _, run = trained
    images = list(run.predictions["path"][:3])
    assert run.calibration["classes"] == list(CLASSES)
    plain, known, sure = (
        json.loads(call("predict", run.path, *images, "--json", *words).stdout)
        for words in ((), ("--coverage", 0.5), ("--abstain",))
    )
    for before, after, cautious in zip(plain, known, sure):
        assert all(after[key] == cautious[key] == before[key] for key in before) and "answer" not in before
        assert after["answer"] == (after["set"][0] if len(after["set"]) == 1 else "unknown")
        assert set(after["set"]) <= set(cautious["set"])  # 0.9 asks for more than 0.5
        calibrated = after["calibrated_probabilities"]
        assert max(calibrated, key=calibrated.get) == before["predicted"]
    # a validation of so few groups can promise nothing at 0.9999: every class is plausible
    result = call("predict", run.path, images[0], "--coverage", 0.9999)
    assert (
        result.exit_code == 0 and "unknown, plausible: glioma or meningioma or no_tumor or pituitary" in result.stdout
    )
    result = call("predict", run.path, images[0], "--abstain", "--views", 2)
    assert result.exit_code == 1 and "leave views out" in result.stderr
    assert call("predict", run.path, images[0], "--coverage", 1).exit_code == 2


def test_predict_says_which_temperature_its_probabilities_have_and_what_it_did_on_test_images(trained, tmp_path):
    run = Run.of(shutil.copytree(trained[1].path, tmp_path / "run"))
    image, kept = run.predictions["path"][0], run.calibration
    value, ends = kept["temperature"]["value"], {BETTER: (-0.3, -0.1), NOT_TOLD_APART: (-0.1, 0.3), WORSE: (0.1, 0.3)}
    words = {
        BETTER: "calibration is better with it;",
        NOT_TOLD_APART: "calibration is not told apart from that without it, Brier score larger;",
        WORSE: "it made calibration worse (Brier score);",
    }
    own = json.loads(call("predict", run.path, image, "--json").stdout)[0]["probabilities"]
    for outcome, (low, high) in ends.items():
        change = Score((low + high) / 2, low, high)
        calm = dict.fromkeys(kept["changes"], Score(0.0, 0.0, 0.0).to_dict())
        run.write_calibration({**kept, "changes": {**calm, "brier_score": change.to_dict()}})
        printed = call("predict", run.path, image, "--abstain").stdout.splitlines()[-1]
        assert printed.startswith(f"Probabilities: with the temperature {value:.2f}. On the run's test images ")
        assert words[outcome] in printed
        (found,) = json.loads(call("predict", run.path, image, "--abstain", "--json").stdout)
        assert (found["temperature"], found["temperature_on_test"]) == (pytest.approx(value), outcome)
        assert found["larger_errors"] == ([] if outcome == BETTER else ["brier_score"])
        assert found["probabilities"] == own, "they are never exchanged"
        logits = np.log(list(own.values())) / value
        shares = np.exp(logits) / np.exp(logits).sum()
        assert list(found["calibrated_probabilities"].values()) == pytest.approx(list(shares), abs=1e-4)
    (run.path / "calibration.json").unlink()
    printed = call("predict", run.path, image, "--abstain").stdout.splitlines()[-1]
    assert "which was not measured on test images" in printed
