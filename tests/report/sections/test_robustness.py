"""The report's section on noise: its sentences, its figures, and that it is only there for runs scored under noise."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from braintumor_tf.augment.noise import describe, training_noise
from braintumor_tf.evaluation.robustness.corruptions import NOISES
from braintumor_tf.report import plots, write_report
from braintumor_tf.report.plots.robustness import noise_name
from braintumor_tf.report.sections.robustness import robustness_section, robustness_sentences
from braintumor_tf.runs import Run
from tests.evaluation.made_robustness import made
from tests.report.conftest import make_run


@pytest.fixture(scope="module")
def found():
    return made("CNN", noises=NOISES, severities=(1, 2, 3, 4, 5))


def test_the_section_is_there_for_runs_scored_under_noise_only(manifest, found, tmp_path):
    run = Run(make_run(tmp_path / "run", manifest, image_size=[128, 128], noise=None))
    page = write_report(run).read_text(encoding="utf-8")
    assert 'id="robustness"' not in page and "#robustness" not in page
    run.write_robustness(found.to_dict(), found.predictions)
    page = write_report(run).read_text(encoding="utf-8")
    assert 'id="robustness"' in page and 'href="#robustness"' in page
    assert "salt and pepper" in page and "trained without noise" in page and "128 × 128" in page
    assert all((run.figures / f"{name}.png").is_file() for name in ("robustness_curves", "robustness_table"))
    assert "<td>None" not in page and ">nan<" not in page


def test_every_number_of_the_section_is_that_of_the_result(found, tmp_path):
    section = robustness_section(found.to_dict(), folder=tmp_path)
    assert section["severities"] == [1, 2, 3, 4, 5] and len(section["figures"]) == 2
    assert [row["title"] for row in section["rows"]] == [noise_name(name) for name in NOISES]
    scores = found.table.query("metric == 'macro_f1'").set_index(["noise", "severity"])["value"]
    errors = found.mean_corruption_error().to_dict()["noises"]
    for name, row in zip(NOISES, section["rows"], strict=True):
        assert [each["value"] for each in row["scores"]] == [f"{scores[name, level]:.3f}" for level in range(1, 6)]
        assert row["loss"]["value"] == f"{found.mean_loss([name]).value:.3f}"
        assert row["error"]["value"] == f"{errors[name]['error']['value']:.3f}"
    assert f"Macro-F1 is {scores['clean', 0]:.3f}" in section["sentences"][0]
    assert robustness_section(None, folder=tmp_path) is None


def test_the_sentences_say_what_was_found_and_what_the_noise_was(found):
    said = " ".join(robustness_sentences(found.to_dict()))
    assert f"{found.mean_loss().value:.3f}" in said and "7 noises and severities 1 to 5" in said
    losses = {name: found.mean_loss([name]).value for name in NOISES}
    assert f"{noise_name(max(losses, key=losses.get))} costs most" in said
    assert "224 × 224" in said and "resized" not in said and "trained" not in said
    noise = describe(training_noise(["gaussian", "speckle"], (1, 2)))
    said = " ".join(robustness_sentences(found.to_dict(), {"noise": noise, "image_size": 96}))
    assert "resized to the 96 × 96" in said and "trained with noise (Gaussian, speckle)" in said
    assert "Its training met noise at 96 × 96" in said
    noise = describe(training_noise(["gaussian", "speckle"], (1, 2), size=224))
    said = " ".join(robustness_sentences(found.to_dict(), {"noise": noise, "image_size": 96}))
    assert "resized to the 96 × 96 that this model takes. The model" in said and "noise (Gaussian, speckle)" in said
    noise = describe(training_noise(["gaussian"], (1, 2), size=128))
    said = " ".join(robustness_sentences(found.to_dict(), {"noise": noise, "image_size": 224}))
    assert "resized" not in said and "Its training met noise at 128 × 128" in said
    assert "cut down" not in said
    said = " ".join(robustness_sentences(found.to_dict(), {"noise": noise, "image_size": 96, "crop": "head"}))
    assert "This model sees them cut down to the head, which is looked for in the noise." in said
    assert "without noise" in " ".join(robustness_sentences(found.to_dict(), {"noise": None}))
    one = made("CNN", noises=["rician"], severities=(2,))
    said = robustness_sentences(one.to_dict())
    assert said[0].endswith("on average over Rician noise.") and "costs least" not in " ".join(said)
    same = one.predictions[one.predictions["noise"] == "clean"]
    none_lost = one.predictions.assign(predicted=[*same["predicted"], *same["predicted"]])
    said = robustness_sentences(dataclasses.replace(one, predictions=none_lost).to_dict())
    assert said[1] == "On these images the loss is not told apart from 0."


def test_curves_draw_a_panel_a_noise_and_a_line_a_model(found):
    one = plots.robustness_curves(found.to_dict())
    scores = found.table.query("metric == 'macro_f1'").set_index(["noise", "severity"])["value"]
    for name, chart in zip(NOISES, one.axes):
        assert chart.get_title(loc="left") == noise_name(name)
        clean, curve = chart.lines
        np.testing.assert_allclose(clean.get_ydata(), scores["clean", 0])
        np.testing.assert_allclose(curve.get_ydata(), [scores["clean", 0], *scores[name]])
    four = {f"condition {number}": made("CNN", number, noises=("gaussian", "speckle")).to_dict() for number in range(4)}
    figure = plots.robustness_curves(four, metric="accuracy")
    assert len(figure.axes) == 2 and len(figure.axes[0].lines) == 8
    assert [text.get_text() for text in figure.legends[0].texts] == list(four)
    assert "accuracy" in figure.axes[0].get_ylabel()


@pytest.mark.parametrize("noises", [("gaussian",), ("gaussian", "rician"), NOISES])
def test_the_table_shows_each_score(noises):
    results = {name: made(name, seed, noises=noises).to_dict() for seed, name in enumerate(("one", "two"))}
    single, double = plots.robustness_table(results["one"]), plots.robustness_table(results)
    assert len(single.axes) == 1 and len(double.axes) == 2
    texts = [text.get_text() for text in single.axes[0].texts]
    assert len(texts) == 3 * len(noises)
    wanted = [row for row in results["one"]["table"] if row["metric"] == "macro_f1"]
    assert texts[0] == f"{wanted[0]['value']:.2f}" and texts[1] == f"{wanted[1]['value']:.2f}"
    assert [label.get_text() for label in single.axes[0].get_yticklabels()] == [noise_name(name) for name in noises]


def test_a_result_as_read_from_its_file_is_drawn_alike(found, tmp_path):
    run = Run(tmp_path)
    run.write_robustness(found.to_dict(), found.predictions)
    for plot in (plots.robustness_curves, plots.robustness_table):
        assert plot(run.robustness)._repr_png_() == plot(found.to_dict())._repr_png_()
