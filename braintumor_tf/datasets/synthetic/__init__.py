"""Simulated MRI slices of the head: the embedded default data, with known patients, tumour masks and planted faults.

Parametric like the Shepp-Logan phantom of scikit-image, but in space: ellipsoids and tubes in millimetres,
cut by axial, coronal or sagittal slices, with folded cortex from band-passed noise. Beside them patches of simulated
stained tissue, for the question whether an image is a slice of a head at all. They teach and test software;
they are not fit for any statement about patients.
"""

from braintumor_tf.datasets.synthetic.ground_truth import GroundTruth, read_ground_truth
from braintumor_tf.datasets.synthetic.mri.dataset import write_synthetic
from braintumor_tf.datasets.synthetic.mri.patients import Patient, draw_slice, render_slice, sample_patient
from braintumor_tf.datasets.synthetic.tissue.dataset import TISSUE_FOLDERS, write_synthetic_tissue
from braintumor_tf.datasets.synthetic.tissue.patches import TISSUES, Slide, draw_patch, render_patch, sample_slide

__all__ = [
    "TISSUES",
    "TISSUE_FOLDERS",
    "GroundTruth",
    "Patient",
    "Slide",
    "draw_patch",
    "draw_slice",
    "read_ground_truth",
    "render_patch",
    "render_slice",
    "sample_patient",
    "sample_slide",
    "write_synthetic",
    "write_synthetic_tissue",
]
