"""Exports: what lies in the folder, that it answers as the run does, and that nothing is left where it does not."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from braintumor_tf.datasets import read_image
from braintumor_tf.deploy import FORMATS, ExportError, export, exported_folder, parity, read_contract
from braintumor_tf.errors import DamagedRun, ModelError
from braintumor_tf.evaluation import image_features, load_run_model, read_gate
from braintumor_tf.evaluation.calibration.abstention import answering
from braintumor_tf.models.exported.contract import Contract
from braintumor_tf.runs import Run


def shown_images(run: Run) -> list[str]:
    return run.manifest.loc[run.manifest["split"] == "test", "path"].tolist()


def test_the_contract_says_what_the_run_is(run, exported):
    contract, out = exported
    kept = json.loads((out / "contract.json").read_text())
    config, metrics = run.config, run.metrics
    assert kept["classes"] == config["classes"] and kept["run"] == run.name and kept["format"] == "onnx"
    assert (kept["input"]["image_size"], kept["input"]["channels"], kept["input"]["crop"]) == ([32, 32], 1, "head")
    assert kept["outputs"] == ["probabilities", "features"] and kept["gate"] is True
    for name, path in (("model.onnx", out / "model.onnx"), ("model.keras", run.path / "model.keras")):
        files = kept["files"] if name == "model.onnx" else kept["source"]
        assert files == {name: {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "bytes": path.stat().st_size}}
    assert kept["scores"]["macro_f1"] == {end: metrics["macro_f1"][end] for end in ("value", "low", "high")}
    ways = answering(run)
    assert kept["temperature"] == ways.temperature == run.calibration["temperature"]["value"]
    assert kept["conformal"]["coverage"] == ways.coverage
    assert kept["conformal"]["least_probability"] == {
        name: found["least_probability"] for name, found in run.calibration["conformal"]["classes"].items()
    }
    assert read_contract(out) == contract == Contract.from_dict(json.loads(json.dumps(contract.to_dict())))


def test_parity_is_what_the_two_models_say_of_the_test_images(run, exported):
    import onnxruntime

    contract, out = exported
    pixels = np.stack([read_image(path, size=(32, 32), crop="head") for path in shown_images(run)])[..., None]
    session = onnxruntime.InferenceSession(str(out / "model.onnx"))
    found = session.run(["probabilities"], {"image": pixels.astype("float32")})[0]
    wanted = load_run_model(run).predict(pixels.astype("float32"), verbose=0)
    assert contract.parity.images == len(pixels) and contract.parity.changed == 0
    assert (found.argmax(1) == wanted.argmax(1)).all()
    assert contract.parity.largest_difference == pytest.approx(np.abs(found - wanted).max(), abs=1e-6)
    assert contract.parity.largest_difference < 1e-5
    assert contract.parity.bytes == (out / "model.onnx").stat().st_size
    assert min(contract.parity.milliseconds_per_image, contract.parity.source_milliseconds_per_image) > 0
    card = (out / "MODEL_CARD.md").read_text()
    assert f"Of {len(pixels)} test images, 0 (0.0%) are answered otherwise" in card
    assert contract.files["model.onnx"].sha256 in card


def test_features_for_the_gate_go_along(run, exported):
    _, out = exported
    rows = run.manifest[run.manifest["split"] == "test"]
    found, wanted = (image_features(model, rows, show_progress=False) for model in (out, run))
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    assert found.std() > 0 and read_gate(out).parts.keys() == read_gate(run).parts.keys()


def test_images_of_other_sizes_and_channels_are_fitted_as_the_network_fits_them(run, exported):
    generator, network, model = np.random.default_rng(0), load_run_model(run), load_run_model(Run(exported[1]))
    for shape in ((2, 61, 47, 3), (2, 20, 20, 1), (2, 32, 32, 3)):
        images = generator.integers(0, 256, shape).astype("uint8")
        np.testing.assert_allclose(
            model.predict_images(images), network.predict(images.astype("float32"), verbose=0), atol=1e-4
        )


def test_the_lines_of_the_readme_run(run, exported):
    _, out = exported
    lines = (out / "README.md").read_text().split("```python\n")[1].split("```")[0]
    picture = out / "slice.png"
    shutil.copyfile(shown_images(run)[0], picture)
    try:
        done = subprocess.run([sys.executable, "-c", lines], cwd=out, capture_output=True, text=True, check=True)
    finally:
        picture.unlink()
    name, probability = done.stdout.split()
    pixels = read_image(shown_images(run)[0], size=(32, 32))[None, ..., None]
    answer = load_run_model(Run(out)).predict_images(pixels)[0]
    assert name == run.config["classes"][answer.argmax()] and float(probability) == pytest.approx(answer.max(), 1e-4)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda found: found.update(changed=1), "are answered otherwise than by the run, and 0.0% are allowed"),
        (lambda found: found.update(largest_difference=2e-4), "a probability differs by 0.0002"),
    ],
)
def test_an_export_that_answers_otherwise_leaves_nothing_behind(run, tmp_path, monkeypatch, exported, change, words):
    measured = exported[0].parity

    def measure(*_, **__):
        found = {}
        change(found)
        return replace(measured, **found)

    monkeypatch.setattr(exported_folder, "measure_parity", measure)
    monkeypatch.setattr(exported_folder, "_convert", lambda *given: _copied(exported[1], given[-1]))
    with pytest.raises(ExportError, match=words):
        export(run, out=tmp_path / "out", show_progress=False)
    assert list(tmp_path.iterdir()) == []


def _copied(folder, draft):
    for name in ("model.onnx", "model.sha256"):
        (draft / name).write_bytes((folder / name).read_bytes())
    return draft / "model.onnx"


def test_changed_answers_are_counted():
    import pandas as pd

    own = pd.DataFrame({"predicted": ["a", "b", "b"], "p_a": [0.9, 0.4, 0.2], "p_b": [0.1, 0.6, 0.8]})
    other = pd.DataFrame({"predicted": ["a", "a", "b"], "p_a": [0.8, 0.55, 0.2], "p_b": [0.2, 0.45, 0.8]})
    changed, largest, mean = parity.compare_answers(own, other, ("a", "b"))
    assert (changed, largest, mean) == (1, pytest.approx(0.15), pytest.approx((0.1 + 0.15) / 3))


def test_what_cannot_be_exported_is_refused_with_the_way_out(run, exported, tmp_path):
    for how, words in (
        ({"format": "pt"}, "choose one of onnx, litert, openvino, saved_model"),
        ({"format": "openvino", "int8": True}, "choose onnx or litert"),
        ({"allow_changed": 1.5}, "give a number from 0 to 1"),
    ):
        with pytest.raises(ExportError, match=words):
            export(run, out=tmp_path / "out", **how)
    with pytest.raises(ExportError, match="holds something already"):
        export(run, out=run.path)
    with pytest.raises(ExportError, match="is exported already; export the run that it was made of"):
        export(exported[1], out=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_export_is_named(exported, tmp_path):
    _, out = exported
    folder = tmp_path / "copy"
    folder.mkdir()
    for path in out.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    whole = json.loads((folder / "contract.json").read_text())
    for change, error, words in (
        ({"classes": ["one"]}, DamagedRun, "classes is not a list"),
        ({"temperature": "hot"}, DamagedRun, "temperature is not a number"),
        ({"version": 9}, ModelError, "is of version 9"),
        ({"format": "pt"}, DamagedRun, "format 'pt' is none of"),
        ({"files": {}}, DamagedRun, "files is not an object"),
        ({"files": {"model.onnx": {"sha256": "0" * 64, "bytes": 1}}}, ModelError, "is not the file that was exported"),
    ):
        (folder / "contract.json").write_text(json.dumps({**whole, **change}))
        with pytest.raises(error, match=words):
            load_run_model(Run(folder))
    for field in whole:
        (folder / "contract.json").write_text(json.dumps({key: whole[key] for key in whole if key != field}))
        with pytest.raises(DamagedRun, match=f"it has no {field}"):
            read_contract(folder)
    (folder / "contract.json").write_text(json.dumps(whole))
    (folder / "model.onnx").write_bytes(b"no graph")
    with pytest.raises(ModelError, match="is not the model of this run"):
        load_run_model(Run(folder))


def test_formats_have_their_own_files():
    assert len(set(FORMATS.values())) == len(FORMATS)
