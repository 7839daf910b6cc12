"""Models carried elsewhere: exported with their contract, and compared with the run that they were made of."""

from __future__ import annotations

from braintumor_tf.deploy.exported_folder import export
from braintumor_tf.errors import ExportError
from braintumor_tf.models.exported.contract import FORMATS, Contract, Parity, read_contract

__all__ = ["FORMATS", "Contract", "ExportError", "Parity", "export", "read_contract"]
