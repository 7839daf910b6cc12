"""Made-up scores of a run with parts of the picture covered, as in ``explanations.json``."""

from __future__ import annotations

from braintumor_tf.explanation.checks.outside_head import BACKGROUND, OUTLINE, WHOLE, WITHOUT_BACKGROUND, WITHOUT_BORDER


def row(shown, balanced, change, share):
    scores = {"accuracy": balanced, "balanced_accuracy": balanced, "change": change, "share": share}
    return {"shown": shown, "constant": 0.25, **{k: dict(zip(("value", "low", "high"), v)) for k, v in scores.items()}}


EXPLANATIONS = {
    "split": "test",
    "shown": {BACKGROUND: "the head blackened"},
    "outside": [
        row(WHOLE, (0.9, 0.85, 0.95), (0, 0, 0), (1, 1, 1)),
        row(WITHOUT_BORDER, (0.8, 0.7, 0.9), (-0.1, -0.15, -0.05), (0.85, 0.7, 0.9)),
        row(WITHOUT_BACKGROUND, (0.9, 0.85, 0.95), (0.0, -0.01, 0.01), (1, 0.9, 1.1)),
        row(OUTLINE, (0.51, 0.45, 0.57), (-0.4, -0.5, -0.3), (0.4, 0.3, 0.5)),
        row(BACKGROUND, (0.25, 0.25, 0.25), (-0.65, -0.7, -0.6), (0.0, 0.0, 0.0)),
    ],
}
