"""How the rungs and rows of a leak ladder are called for people."""

from __future__ import annotations

from braintumor_tf.experiments.ladder_result import MODEL, Ladder
from braintumor_tf.leakage.rungs import LOOK_ALIKE, PATIENT_RUNG, RANDOM
from braintumor_tf.report.wording.metrics import baseline_title

RUNG_TITLES = {
    RANDOM: "image by image",
    LOOK_ALIKE: "look-alikes together",
    PATIENT_RUNG: "patients together",
}
"""The rungs and their names for people."""

RUNG_NOTES = {
    RANDOM: "as most publications split",
    LOOK_ALIKE: "near-duplicates on one side; a patient may be on both",
    PATIENT_RUNG: "near-duplicates and known patients on one side",
}
"""What each rung keeps on one side of the split."""


def ladder_row_title(ladder: Ladder, row: str) -> str:
    """Returns the name of a row for people: that of the model, or of a shortcut baseline."""
    return ladder.model.replace("_", " ") if row == MODEL else baseline_title(row)
