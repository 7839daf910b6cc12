"""The model card of trained runs: its commands make the run again, and it says what kind of run it is."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest

from braintumor_tf.experiments import run_ensemble, run_experiment, run_folds
from braintumor_tf.report import write_model_card
from braintumor_tf.runs import Run
from tests.calling import call
from tests.experiments.quick import without_trees
from tests.report.model_card.card_parts import Card
from tests.training.toy import toy_manifest

TRAINING = {"image_size": 24, "augmentation": {}, "show_progress": False, "resamples": 20}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A single run, a k-fold run and an ensemble, with a working directory in which all lie."""
    folder = tmp_path_factory.mktemp("trained")
    manifest = toy_manifest(folder / "images")
    with without_trees(), pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        settings = {**TRAINING, "config": {"dataset": "toy", "protocol": "grouped"}}
        single = run_experiment(manifest, "PCA", out="single", **settings)
        other = run_experiment(manifest, "PCA", out="other", seed=1, baselines=False, **settings)
        folds = run_folds(manifest, "PCA", out="folds", folds=2, **TRAINING)
        ensemble = run_ensemble([single, other], "ensemble", baselines=False, resamples=20)
    return folder, {"single": single, "folds": folds, "ensemble": ensemble}


@pytest.mark.parametrize("kind", ["single", "folds", "ensemble"])
def test_the_commands_of_a_card_make_the_run_again(trained, kind, monkeypatch):
    folder, _ = trained
    monkeypatch.chdir(folder)
    shutil.rmtree("again", ignore_errors=True)
    run = Run.of(kind)
    card = Card(write_model_card(run))
    (block,) = re.findall(r"```\n(.*?)```", card.sections["How to reproduce"], flags=re.DOTALL)
    for line in block.splitlines():
        words = shlex.split(line.replace("RUN", kind))
        if words[0] == "mkdir":
            Path(words[1]).mkdir()
        elif words[0] == "cp":
            for name in words[1:-1]:
                shutil.copy(name, words[-1])
        elif words[0] == "python":
            exec(words[2], {})
        else:
            with without_trees():
                answer = call(*words[1:])
            assert answer.exit_code == 0, answer.output
    again = Run.of("again")
    for name in ("accuracy", "macro_f1"):
        assert again.metrics[name] == run.metrics[name]
    np.testing.assert_array_equal(again.predictions["predicted"], run.predictions["predicted"])
    if kind != "ensemble":
        assert (again.path / "MODEL_CARD.md").is_file()  # by train's own report


def test_kinds_of_runs_say_what_they_are(trained, monkeypatch):
    folder, _ = trained
    monkeypatch.chdir(folder)
    folds, fold, ensemble = (Card(write_model_card(name)) for name in ("folds", "folds/fold_0", "ensemble"))
    assert "### Folds" in folds.body and "by the model of the fold that had not seen it" in folds.sections["Protocol"]
    assert "one fold of a k-fold run" in fold.sections["How to reproduce"]
    assert "### Members of the ensemble" in ensemble.body and "library_name" not in ensemble.metadata
    assert "First weights" not in folds.rows
