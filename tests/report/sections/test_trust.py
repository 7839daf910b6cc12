"""What the report says of maps beside lesions: on what, how much, and beside which references."""

from __future__ import annotations

import pytest

from braintumor_tf.report.sections.trust import map_sentences


def scored(value: float, low: float, high: float) -> dict[str, float]:
    return {"value": value, "low": low, "high": high}


def row(method: str, **changes) -> dict:
    made = {"method": method, "reference": method != "grad_cam", "images": 40, "boxes": 40, "groups": 21, "correct": 40}
    made |= {name: scored(0.2, 0.15, 0.25) for name in ("pointing", "energy", "pointing_correct", "energy_correct")}
    made |= {name: scored(0.1, 0.05, 0.15) for name in ("energy_gain", "energy_beyond_head", "pointing_beyond_head")}
    return made | {"area_share": 0.02, "pointing_by_chance": 0.03} | changes


def sentences(**changes) -> list[str]:
    others = [row(name, energy=scored(value, value / 2, 2 * value), **changes)
              for name, value in (("random", 0.021), ("uniform", 0.02), ("head", 0.04), ("centre", 0.05))]  # fmt: skip
    return map_sentences({"localisation": [row("grad_cam", **changes), *others]})


def test_methods_stand_beside_the_random_map_the_head_and_the_middle():
    references, method = sentences()
    assert references == (
        "Lesions are known as boxes for 40 images of 21 groups; they are 0.020 of the picture. Energy there without "
        "any knowledge of the model: a random map 0.021 (0.011–0.042), the head alone 0.040 (0.020–0.080), the middle "
        "of the picture 0.050 (0.025–0.100)."
    )
    assert method == (
        "grad_cam: 0.200 (0.150–0.250) of the map lies in the lesion's box: more than a random map, and more than a "
        "map of the head alone. Its peak lies there in 0.200 (0.150–0.250) of the images; by guessing 0.030."
    )


@pytest.mark.parametrize(
    ("boxes", "known", "place"),
    [
        (40, "known as boxes for", "in the lesion's box"),
        (3, "known as masks or boxes for", "on the lesion or in its box"),
        (0, "known for", "on the lesion"),
    ],
)
def test_masks_and_boxes_are_told_apart(boxes, known, place):
    references, method = sentences(boxes=boxes)
    assert f"Lesions are {known} 40 images" in references and f"of the map lies {place}: more" in method


@pytest.mark.parametrize(
    ("gain", "beyond", "words"),
    [
        ((0.1, 0.05, 0.15), (0.1, 0.05, 0.15), "more than a random map, and more than a map of the head alone."),
        (
            (0.1, 0.05, 0.15),
            (0.0, -0.1, 0.1),
            "more than a random map, but not told apart from a map of the head alone",
        ),
        ((0.1, 0.05, 0.15), (-0.1, -0.2, -0.05), "more than a random map, but less than a map of the head alone."),
        ((0.0, -0.1, 0.1), (0.1, 0.05, 0.15), "not told apart from a random map."),
        ((-0.1, -0.2, -0.05), (0.1, 0.05, 0.15), "less than a random map."),
    ],
)
def test_a_map_is_judged_by_its_paired_intervals(gain, beyond, words):
    assert f": {words}" in sentences(energy_gain=scored(*gain), energy_beyond_head=scored(*beyond))[1]


def test_the_rightly_predicted_ones_are_told_where_they_are_not_all():
    changes = {"energy_correct": scored(0.3, 0.2, 0.4), "pointing_correct": scored(0.5, 0.4, 0.6)}
    told = "Of the 31 images that the model predicts correctly: 0.300 (0.200–0.400) and 0.500 (0.400–0.600)."
    assert sentences(correct=31, **changes)[1].endswith(told)
    assert "predicts correctly" not in sentences(correct=40, **changes)[1]
    assert "predicts correctly" not in sentences(correct=0, **changes)[1]


def test_runs_that_were_checked_before_boxes_are_still_read():
    old = row("grad_cam")
    for name in ("boxes", "correct", "pointing_correct", "energy_correct", "pointing_beyond_head"):
        del old[name]
    references, method = map_sentences({"localisation": [old, old | {"method": "random", "reference": True}]})
    assert references.startswith("Lesions are known for 40 images of 21 groups") and "on the lesion" in method
