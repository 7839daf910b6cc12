"""The section on the leak ladder, its figure, and what pages say of origins and patients."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from braintumor_tf.experiments.ladder_result import Ladder, Rung, combine_ladders
from braintumor_tf.leakage import SplitLeaks, find_provenance
from braintumor_tf.report import plots
from braintumor_tf.report.sections.ladder import ladder_section, ladder_sentences, ladder_text
from braintumor_tf.report.sections.members import members_section
from braintumor_tf.report.sections.shortcuts import shortcut_sentences
from braintumor_tf.report.sections.verdict import run_verdict
from braintumor_tf.report.wording.origins import (
    confounding_warning,
    patient_sentence,
    patient_warning,
    probe_sentence,
    probe_sentences,
)
from braintumor_tf.report.wording.run_texts import PROTOCOLS, split_text
from braintumor_tf.types import Score
from tests.report.figure_texts import texts

VALUES = {
    "model": (0.93, 0.90, 0.85),
    "border": (0.88, 0.79, 0.66),
    "nearest_neighbour": (0.91, 0.79, 0.63),
    "pca_logistic_regression": (0.76, 0.70, 0.62),
}


def made_ladder(seed: int = 0, shift: float = 0.0, last: str = "patient", **changes: Any) -> Ladder:
    rungs = []
    for place, name in enumerate(("random", "look-alike", "patient")):
        leaks = SplitLeaks(
            images=490, groups=200, near_duplicates=(240, 0, 0)[place], known_patients=361,
            same_patient=(355, 354, 0)[place],
        )  # fmt: skip
        scores = {
            row: {
                metric: Score(each[place] + shift, each[place] - 0.05, each[place] + 0.05)
                for metric in ("accuracy", "macro_f1")
            }
            for row, each in VALUES.items()
        }
        rungs.append(Rung(name=name, run=last if place == 1 else name, leaks=leaks, scores=scores))
    same = {"model": "MobileNetV2-0.35", "images": 3264, "patients": 225, "known_patients": 2345}
    return Ladder(**{**same, "seeds": (seed,), "rungs": tuple(rungs), **changes})


def test_a_ladder_is_read_as_it_was_written():
    ladder = combine_ladders([made_ladder(0), made_ladder(1, 0.02)])
    assert Ladder.from_dict(ladder.to_dict()) == ladder
    score = ladder.rungs[2].scores["border"]["macro_f1"]
    assert (score.value, score.low, score.high) == pytest.approx((0.67, 0.66, 0.68))
    assert ladder.rungs[1].leaks.same_patient == 708


def test_the_sentences_name_the_model_the_steepest_baseline_and_the_patients():
    found = ladder_sentences(made_ladder(last="look-alike"))
    assert found[0].startswith("Macro-F1 of MobileNetV2-0.35: 0.93 (0.88–0.98) image by image, 0.90")
    assert found[1].startswith("Macro-F1 of nearest neighbour on thumbnails: 0.91 ")
    assert "2,345 of 3,264 images (225 patients)" in found[2] and "may still share one" in found[2]
    assert "354 of the 361 test images with a known patient have that patient in training (98 %)" in found[3]
    assert "one and the same run" in " ".join(ladder_sentences(made_ladder(last="patient")))
    unknown = ladder_sentences(made_ladder(known_patients=0, patients=0))
    assert unknown[2].startswith("No patient is known")
    whole = ladder_sentences(made_ladder(known_patients=3264))
    assert "may still share" not in whole[2]


def test_the_table_of_the_terminal_holds_scores_and_shares():
    text = ladder_text(made_ladder())
    assert re.search(r"^border strip alone +0.88 \(0.83–0.93\) +0.79 \(0.74–0.84\) +0.66", text, re.M)
    assert re.search(r"with the patient in training +355 \(98 %\) +354 \(98 %\) +0 \(0 %\)", text)
    assert text.startswith("Macro-F1 (95 % over groups)")


def test_the_section_keeps_a_figure_and_a_run_without_a_ladder_has_none(tmp_path: Path):
    section = ladder_section(made_ladder().to_dict(), folder=tmp_path)
    assert (tmp_path / "leak_ladder.png").is_file()
    assert [name for name, _ in section["tables"]] == ["macro-F1", "accuracy"]
    assert [row["title"] for row in section["tables"][0][1]][:2] == ["MobileNetV2-0.35", "border strip alone"]
    assert ladder_section(None, folder=tmp_path) is None


def test_the_figure_names_every_line_and_keeps_names_apart():
    figure = plots.leak_ladder(made_ladder())
    said = texts(figure).splitlines()
    assert {"MobileNetV2-0.35 0.85", "border strip 0.66", "nearest neighbour 0.63"} <= set(said)
    heights = sorted(note.xyann[1] for note in figure.axes[0].texts)
    assert np.diff(heights).min() > 0.05 * np.ptp(figure.axes[0].get_ylim())  # a line of text
    assert "mean of 2 seeds" in texts(plots.leak_ladder(combine_ladders([made_ladder(0), made_ladder(1)])))


def probe(value: float, low: float, within: bool = True) -> dict[str, Any]:
    score = {"value": value, "low": low, "high": value + 0.05, "chance": 0.5, "origins": ["br35h", "unknown:x"]}
    part = {"overall": {**score, "images": 90}, "within_classes": {**score, "images": 60} if within else None}
    left = {"rare": {"images": 3, "groups": 2}}
    return {"source_probe": {"features": part, "pixels": part, "left_out": left, "origins": {}, "splits": ["test"]}}


def test_what_the_probe_found_is_said_beside_chance():
    assert "within one class with balanced accuracy 0.80 (0.70–0.85); chance is 0.50" in probe_sentence(probe(0.8, 0.7))
    found = probe_sentences(probe(0.8, 0.7))
    assert "The features tell places apart" in found[0] and "br35h, unknown (x)" in found[1]
    assert found[2] == "Too few images or groups to ask about: rare (3 images of 2 groups)."
    assert "not told apart from guessing" in probe_sentences(probe(0.52, 0.45))[0]
    assert "only the class" in probe_sentences(probe(0.8, 0.7, within=False))[1]
    assert probe_sentence({}) == "" and probe_sentences({}) == []
    nothing = {"source_probe": {"features": None, "pixels": None, "left_out": {"rare": {"images": 3, "groups": 2}}}}
    assert (
        probe_sentences(nothing)[0].startswith("Whether the model’s features name the origin")
        and probe_sentence(nothing) == ""
    )


def test_the_verdict_names_patients_on_both_sides_the_probe_and_confounding(metrics, predictions, manifest):
    number = np.arange(len(manifest))
    rows = manifest.assign(patient=[str(n // 6) for n in number], origin="", origin_patient="", source="made")
    found = run_verdict({**metrics, **probe(0.8, 0.7)}, predictions, rows, {"protocol": "random"})
    assert any("24 of the 24 test images with a known patient (100 %) have that patient" in each
               for each in found.warnings)  # fmt: skip
    assert any("linear model names the origin" in sentence for sentence in found.sentences)
    apart = run_verdict(metrics, predictions, rows.assign(patient=rows["path"]), {"protocol": "grouped"})
    assert not any("have that patient" in warning or "go together" in warning for warning in apart.warnings)
    healthy = rows["label"] == "no_tumor"
    mixed = rows.assign(origin=np.where(healthy, "", "figshare"), patient="", origin_id="", origin_label="")
    warning = confounding_warning(mixed)
    assert warning.startswith("Class and origin go together: the origin alone tells no_tumor")
    [said] = [text for text in find_provenance(mixed, mixed["group"]).sentences if text.startswith("CONFOUNDED: ")]
    assert warning.partition(": ")[2] == said.partition(": ")[2]  # as the audit says it
    even = rows.assign(origin=np.where(number % 2, "", "figshare"))
    assert confounding_warning(even) == "" and confounding_warning(rows) == ""
    ladder = run_verdict(metrics, predictions, rows, {"protocol": "grouped", "grouping": "look-alike"})
    assert any("takes no notice of patients" in warning for warning in ladder.warnings)
    assert any("linear model" in text for text in shortcut_sentences(probe(0.8, 0.7), pd.Series([False])))


def test_a_test_set_of_unknown_patients_is_said_to_be_one():
    leaks = SplitLeaks(images=10, groups=5, near_duplicates=0, known_patients=0, same_patient=0)
    assert "known for none of the 10 test images" in patient_sentence(leaks) and patient_warning(leaks) == ""
    some = SplitLeaks(images=10, groups=5, near_duplicates=0, known_patients=4, same_patient=3)
    assert "known for 4 of the 10 test images; 3 of these" in patient_sentence(some)
    assert "3 of the 4 test images" in patient_warning(some) and "other 6 nobody knows" in patient_warning(some)


def test_every_protocol_is_described():
    from braintumor_tf.leakage import PROTOCOLS as KNOWN

    assert set(PROTOCOLS) == set(KNOWN)
    assert "takes no notice of patients" in split_text({"protocol": "grouped", "grouping": "look-alike"})
    assert split_text({"protocol": "grouped", "grouping": "patient"}) == PROTOCOLS["grouped"]


def test_origins_left_out_are_a_table_with_those_that_were_kept_in():
    score = {"value": 0.8, "low": 0.7, "high": 0.9}
    run = {"run": "fold_0", "origin": "unknown:set", "images": 9, "accuracy": score, "macro_f1": score}
    none = {"accuracy": None, "macro_f1": None}
    metrics = {"folds": {"runs": [run], "mean": {"accuracy": 0.8, "macro_f1": 0.8}, "standard_deviation": none}}
    section = members_section(metrics, {"origins_kept_in": {"figshare": "figshare cannot be left out: …"}})
    assert section["title"] == "Origins left out" and section["rows"][0]["title"] == "fold_0: unknown (set)"
    assert "Figshare cannot be left out" in section["text"]
    assert section["rows"][-1]["accuracy"]["value"] == "0.800"
