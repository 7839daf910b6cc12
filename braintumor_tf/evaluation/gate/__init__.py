"""The gate before an answer: is a picture a brain MRI slice at all, and is it like what the model was trained on?"""

from braintumor_tf.evaluation.gate.fitting import fit_gate, read_gate
from braintumor_tf.evaluation.gate.gate import Gate
from braintumor_tf.evaluation.gate.picture_measures import MEASURES, PictureMeasures, measure_picture

__all__ = [
    "MEASURES",
    "Gate",
    "PictureMeasures",
    "fit_gate",
    "measure_picture",
    "read_gate",
]
