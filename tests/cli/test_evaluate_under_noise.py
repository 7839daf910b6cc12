"""``evaluate RUN --noise``: what it prints, keeps and refuses."""

from __future__ import annotations

import json

import pytest

from braintumor_tf.evaluation import read_robustness
from braintumor_tf.experiments import run_experiment
from braintumor_tf.runs import Run
from tests.calling import call
from tests.training.toy import toy_manifest


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    folder = tmp_path_factory.mktemp("robustness")
    return run_experiment(
        toy_manifest(folder / "toy"), "PCA", out=folder / "pca", image_size=24, baselines=False, resamples=20,
        show_progress=False,
    )  # fmt: skip


def test_noise_is_scored_printed_and_kept_in_the_run_and_its_report(run):
    result = call("evaluate", run.path, "--noise", "gaussian,rician", "--severity", "2-3")
    assert result.exit_code == 0, result.stderr
    found = read_robustness(run)
    versions = [("clean", 0), ("gaussian", 2), ("gaussian", 3), ("rician", 2), ("rician", 3)]
    assert list(found.draws.versions) == versions
    lines = result.stdout.splitlines()
    assert lines[0] == "macro-F1 by severity" and lines[-1] == f"report: {(run.path / 'report.html').resolve()}"
    assert [line.split()[0] for line in lines[2:5]] == ["clean", "gaussian", "rician"]
    clean = found.table.query("noise == 'clean' and metric == 'macro_f1'")["value"].item()
    assert f"Macro-F1 is {clean:.3f}" in result.stdout
    assert 'id="robustness"' in (run.path / "report.html").read_text(encoding="utf-8")


def test_json_is_what_is_kept(run):
    result = call("evaluate", run.path, "--noise", "bias_field", "--severity", 1, "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found.pop("run") == str(run.path) and found == run.robustness


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--noise", "wind"), "no noise called 'wind'"),
        (("--noise", "all", "--severity", "0-3"), "1 to 5"),
        (("--noise", "all", "--views", 2), "leave out"),
        (("--noise", "all", "--dataset", "synthetic"), "leave out"),
    ],
)
def test_what_does_not_go_together_is_refused(run, words, message):
    before = run.robustness
    result = call("evaluate", run.path, *words)
    assert result.exit_code != 0 and message in result.stderr and run.robustness == before


def test_several_runs_are_not_scored_under_noise_at_once(run):
    assert call("evaluate", run.path, run.path, "--noise", "all").exit_code == 2
