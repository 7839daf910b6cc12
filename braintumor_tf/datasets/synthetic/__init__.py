"""Simulated MRI slices of the head: the embedded default data, with known patients, tumour masks and planted faults.

Parametric like the Shepp-Logan phantom of scikit-image, but in space: ellipsoids and tubes in millimetres,
cut by axial, coronal or sagittal slices, with folded cortex from band-passed noise. They teach and test software;
they are not fit for any statement about patients.
"""

from braintumor_tf.datasets.synthetic.dataset import write_synthetic
from braintumor_tf.datasets.synthetic.ground_truth import GroundTruth, read_ground_truth
from braintumor_tf.datasets.synthetic.patients import Patient, draw_slice, render_slice, sample_patient

__all__ = [
    "GroundTruth",
    "Patient",
    "draw_slice",
    "read_ground_truth",
    "render_slice",
    "sample_patient",
    "write_synthetic",
]
