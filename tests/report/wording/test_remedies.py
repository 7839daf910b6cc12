"""What a page and a card say of a training that was kept from telling the class by the place."""

from __future__ import annotations

from braintumor_tf.report.wording.origins import remedies_sentence
from braintumor_tf.training.presets import PRESETS


def test_every_remedy_is_named_and_the_pairs_are_counted():
    made = {"pictures": 2400, "removed": 1000, "pasted": 200, "refilled": 480, "patched": 90, "as_it_is": 630}
    metrics = {"training": {"counterfactuals": {**made, "left_out": {"its lesion is not known": 1300}}}}
    training = {**PRESETS["lesion_aware"].to_dict(), "group_dro": 0.01}
    text = remedies_sentence({"training": training}, metrics)
    for part in (
        "confounding of origins and classes", "counterfactual training: 2,400 pictures", "1,000 lesions taken out",
        "200 put in", "570 changed elsewhere", "1,300 training images left out: its lesion is not known", "grey curves",
        "bias fields", "blur", "second head", "group-DRO",
    ):  # fmt: skip
        assert part in text, part
    assert "weighed alike" in remedies_sentence({"training": {"balance": "origin_class"}}, {})


def test_nothing_is_said_of_a_training_without():
    assert remedies_sentence({"training": PRESETS["transfer"].to_dict()}, {"training": {}}) == ""
    assert remedies_sentence({}, {}) == ""
