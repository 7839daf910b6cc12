"""What the report says of maps that were checked: whether they change, and whether they find more than the head."""

from __future__ import annotations

import numpy as np
import pytest

from braintumor_tf import explanation
from braintumor_tf.explanation.checks.outside_head import WHOLE
from braintumor_tf.models import build
from braintumor_tf.report.plots.explanation.checks import randomisation_curve
from braintumor_tf.report.sections.trust import map_sentences, trust_sentences


def scored(value: float, low: float, high: float) -> dict[str, float]:
    return {"value": value, "low": low, "high": high}


def test_maps_that_cannot_change_are_not_called_changed():
    images = np.random.default_rng(0).uniform(0, 255, (3, 40, 40, 1))
    network = build("CNN", image_size=32, seed=0)  # its last feature map has one cell
    result = explanation.randomisation_check(network, images, steps=2, resamples=10, show_progress=False)
    table = result.table
    assert (table["images"] == 0).all() and table["spearman"].isna().all() and table["ssim"].isna().all()
    outside = [{"shown": WHOLE, "balanced_accuracy": {"value": 0.5, "low": None, "high": None}, "constant": 0.25}]
    found = {"outside": outside, "method": "grad_cam", "randomisation": result.to_records()}
    assert "nothing can be said" in trust_sentences(found)[1]
    assert not randomisation_curve(table).axes[0].lines


@pytest.mark.parametrize(
    ("beyond_head", "words"),
    [
        ((0.01, 0.005, 0.02), "more than a random map, and more than a map of the head alone."),
        ((0.0, -0.01, 0.01), "more than a random map, but not told apart from a map of the head alone"),
        (None, "more than a random map."),
    ],
)
def test_a_map_that_only_finds_the_head_is_not_praised(beyond_head, words):
    row = {"method": "grad_cam", "reference": False, "energy": scored(0.04, 0.03, 0.05), "area_share": 0.01}
    row |= {"energy_gain": scored(0.03, 0.02, 0.04), "images": 9, "groups": 3}
    row |= {"pointing": scored(0.5, 0.4, 0.6), "pointing_by_chance": 0.02}
    if beyond_head:
        row["energy_beyond_head"] = scored(*beyond_head)
    random = {**row, "method": "random", "reference": True}
    references, sentence = map_sentences({"localisation": [row, random]})
    assert "9 images of 3 groups" in references and "a random map 0.040 (0.030–0.050)" in references
    assert words in sentence


@pytest.mark.parametrize(
    ("left", "words"),
    [
        ((0.1, 0.0, 0.2), ": they change."),
        ((0.6, 0.5, 0.7), ": they change."),  # a little above, within the intervals
        ((0.8, 0.78, 0.82), "not altogether"),
        ((0.99, 0.98, 1.0), "hardly change"),
    ],
)
def test_how_far_maps_change_is_said_with_regard_to_intervals(left, words):
    steps = [{"step": "original", "spearman": scored(1, 1, 1)}, {"step": "1", "spearman": scored(*left)}]
    steps.append({"step": "another image", "spearman": scored(0.55, 0.5, 0.6)})
    found = {"method": "grad_cam", "randomisation": [{**step, "images": 9} for step in steps]}
    assert words in map_sentences(found)[0]
