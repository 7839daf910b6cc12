"""Files of a run: written whole or not at all, fingerprinted by content, and resumed with the same settings only."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from braintumor_tf.errors import RunError
from braintumor_tf.files import atomic_path, comparable_json, remove_leftovers, to_json, write_csv, write_json
from braintumor_tf.runs import Run, data_fingerprint
from tests.training.toy import toy_manifest

# === Writing ===


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_what_stood_there_is_untouched_until_all_is_written(tmp_path, error):
    path = tmp_path / "folder" / "table.csv.gz"
    with atomic_path(path) as temporary:
        temporary.write_text("old")
    with pytest.raises(type(error)), atomic_path(path) as temporary:
        temporary.write_text("half")
        assert temporary.parent == path.parent and temporary.suffix == path.suffix and temporary != path
        assert path.read_text() == "old"
        raise error
    assert path.read_text() == "old" and [each.name for each in path.parent.iterdir()] == [path.name]
    with atomic_path(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new" and [each.name for each in path.parent.iterdir()] == [path.name]


def test_two_writers_of_one_file_do_not_share_a_temporary_one(tmp_path):
    with atomic_path(tmp_path / "a.json") as one, atomic_path(tmp_path / "a.json") as other:
        one.write_text("1")
        other.write_text("2")
        assert one != other and one.read_text() == "1"


def test_leftovers_of_a_killed_process_are_removed_and_nothing_else(tmp_path):
    with atomic_path(tmp_path / "model.keras") as temporary, atomic_path(tmp_path / "LICENSE") as without_suffix:
        names = temporary.name, without_suffix.name
        temporary.write_bytes(b"")
        without_suffix.write_bytes(b"")
    kept = [".gitignore", ".cache.json", ".notes.abcdefgh.txt", "model.0123abcd.keras", "model.keras", "LICENSE"]
    for name in [*names, *kept]:
        (tmp_path / name).write_bytes(b"half")
    (tmp_path / ".folder.0123abcd").mkdir()
    remove_leftovers(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*kept, ".folder.0123abcd"])


def test_values_become_strict_json(tmp_path):
    value = {
        1: np.float32(0.5), "nan": float("nan"), "inf": np.float64("-inf"), "array": np.array([[1, 2]]),
        "path": Path("a/b"), "none": None, "yes": np.bool_(True), "pair": (np.int64(3), "é"),
    }  # fmt: skip
    expected = {
        "1": 0.5, "nan": None, "inf": None, "array": [[1, 2]], "path": "a/b", "none": None, "yes": True,
        "pair": [3, "é"],
    }  # fmt: skip
    assert json.loads(to_json(value)) == expected
    text = write_json(tmp_path / "a.json", value).read_bytes()
    assert json.loads(text.decode("utf-8"), parse_constant=pytest.fail) == expected
    table = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}, index=[7, 8])
    assert write_csv(tmp_path / "a.csv", table).read_text() == "a,b\n1,x\n2,y\n"


def test_settings_are_compared_without_the_addresses_of_functions():
    one, other = (eval("lambda x: x") for _ in range(2))
    assert str(one) != str(other) and comparable_json({"function": one}) == comparable_json({"function": other})
    assert comparable_json({"rate": 0.1}) != comparable_json({"rate": 0.2})


# === The fingerprint of the data ===


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> pd.DataFrame:
    return toy_manifest(tmp_path_factory.mktemp("toy"))


def test_the_fingerprint_is_the_hash_of_the_sorted_lines():
    manifest = pd.DataFrame({"md5": ["b", "a"], "label": ["glioma", "no_tumor"], "split": ["test", "train"]})
    expected = hashlib.sha256(b"a no_tumor train\nb glioma test").hexdigest()
    assert data_fingerprint(manifest) == expected


def test_the_fingerprint_knows_content_label_and_split_and_neither_paths_nor_order(manifest):
    found = data_fingerprint(manifest)
    moved = manifest.sample(frac=1, random_state=0).assign(path="elsewhere", group="other")
    assert data_fingerprint(moved) == found
    others = set()
    for column, value in (("md5", "0" * 32), ("label", "pituitary"), ("split", "validation")):
        changed = manifest.copy()
        changed.loc[changed.index[0], column] = value
        others.add(data_fingerprint(changed))
    others |= {data_fingerprint(manifest[1:]), data_fingerprint(pd.concat([manifest, manifest[:1]]))}
    assert len(others | {found}) == 6


# === Runs ===


def test_a_run_is_resumed_with_the_same_settings_and_images_on_any_machine(manifest, tmp_path):
    settings = {"rate": 0.1, "head": (8, 4), "noise": None, "scale": np.float32(0.5)}
    run = Run.create(tmp_path / "run", settings, manifest)
    config = run.config
    assert config["data_fingerprint"] == data_fingerprint(manifest) and "numpy" in config["environment"]["packages"]
    write_json(run.path / "config.json", {**config, "environment": {"python": "2.7"}})
    (run.path / ".model.0123abcd.keras").write_bytes(b"half")
    Run.resume(run.path, settings, manifest.sample(frac=1, random_state=1))
    assert sorted(path.name for path in run.path.iterdir()) == ["config.json", "manifest.csv"]
    missing = {key: value for key, value in settings.items() if key != "head"}
    for changed, named in (({**settings, "rate": 0.2}, "rate"), ({**settings, "new": 1}, "new"), (missing, "head")):
        with pytest.raises(RunError, match=f"another {named};"):
            Run.resume(run.path, changed, manifest)
    with pytest.raises(RunError, match="another data_fingerprint, rate;"):
        Run.resume(run.path, {**settings, "rate": 0.2}, manifest[1:])


@pytest.mark.parametrize("absent", ["config.json", "manifest.csv"])
def test_a_run_of_which_half_was_written_is_started_anew(manifest, tmp_path, absent):
    Run.create(tmp_path / "run", {"rate": 0.1}, manifest)
    (tmp_path / "run" / absent).unlink()
    run = Run.resume(tmp_path / "run", {"rate": 0.3}, manifest)
    assert run.config["rate"] == 0.3 and list(run.manifest["md5"]) == list(manifest["md5"])


def test_scores_end_a_run_and_its_checkpoint_and_protect_it(manifest, tmp_path):
    run = Run.create(tmp_path / "run", {}, manifest)
    run.checkpoint.mkdir()
    (run.checkpoint / "state.npz").write_bytes(b"state")
    assert not run.finished
    run.write_metrics({"accuracy": {"value": np.float64(0.5)}})
    assert run.finished and not run.checkpoint.exists() and run.metrics == {"accuracy": {"value": 0.5}}
    with pytest.raises(RunError, match="finished"):
        Run.create(run.path, {}, manifest)
    assert Run.resume(run.path, {}, manifest).finished


def test_robustness_is_there_only_with_its_predictions(manifest, tmp_path, monkeypatch):
    run = Run.create(tmp_path / "run", {}, manifest)
    noisy = pd.DataFrame({"path": ["a"], "label": "tumor", "split": "test", "group": ["007"], "predicted": "tumor"})
    noisy = noisy.assign(noise="speckle", severity=1, p_no_tumor=0.5, p_tumor=0.5)
    run.write_robustness({"drop": 0.1}, noisy)
    assert run.robustness == {"drop": 0.1} and list(run.robustness_predictions["group"]) == ["007"]

    def broken(self, path, **_):
        raise OSError("disk full")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="disk full"):
        patch.setattr(pd.DataFrame, "to_csv", broken)
        run.write_robustness({"drop": 0.2}, noisy)
    assert run.robustness == {"drop": 0.1} and list(run.robustness_predictions["group"]) == ["007"]


def test_groups_of_digits_and_the_class_na_are_read_as_words(manifest, tmp_path):
    run = Run.create(tmp_path / "run", {}, manifest)
    table = pd.DataFrame({"path": ["a"], "label": ["NA"], "split": "test", "group": ["0012"], "predicted": "1"})
    table = table.assign(p_1=[0.75], p_NA=[0.25])
    run.write_predictions(table)
    pd.testing.assert_frame_equal(run.predictions, table)
