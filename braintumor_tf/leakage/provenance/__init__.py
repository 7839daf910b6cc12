"""Where images come from: origins by class, labels that the origin contradicts, patients in several splits."""

from braintumor_tf.leakage.provenance.confounding import CONFOUNDED, ClassOrigin, class_origins
from braintumor_tf.leakage.provenance.origin_labels import contradicted_labels
from braintumor_tf.leakage.provenance.provenance_result import Provenance, find_provenance
from braintumor_tf.leakage.provenance.shared_patients import SharedPatients, find_shared_patients

__all__ = [
    "CONFOUNDED",
    "ClassOrigin",
    "Provenance",
    "SharedPatients",
    "class_origins",
    "contradicted_labels",
    "find_provenance",
    "find_shared_patients",
]
