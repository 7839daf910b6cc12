"""Patients of DICOM files under names that do not tell who they are."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from filelock import FileLock

from braintumor_tf.errors import DatasetError
from braintumor_tf.files import atomic_path

SALT_VARIABLE = "BRAINTUMOR_TF_SALT"
"""The environment variable that holds the user's own salt."""

_FILE = "patient_salt"
_LETTERS = 16


def pseudonym(identity: str, salt: bytes) -> str:
    """Returns what stands for a patient: the same for the same salt, and no way back without it.

    Source: HMAC with SHA-256 (RFC 2104), the first 64 bits.

    Example:
        >>> pseudonym("Doe^Jane", b"salt") == pseudonym("Doe^Jane", b"salt"), "Doe" in pseudonym("Doe^Jane", b"salt")
        (True, False)
    """
    return hmac.new(salt, identity.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:_LETTERS]


def salt_of(folder: Path) -> bytes:
    """Returns the user's salt: that of `SALT_VARIABLE`, else a random one that is kept in a folder from then on.

    Args:
        folder: where the random one is kept, readable for its owner alone.

    Raises:
        DatasetError: it can be neither read nor kept there, or is empty.
    """
    given = os.environ.get(SALT_VARIABLE)
    if given:
        return given.encode("utf-8", "surrogateescape")
    path = folder / _FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f".{_FILE}.lock"):  # two that begin at once have one salt
            if not path.is_file():
                with atomic_path(path) as temporary:
                    temporary.touch(mode=0o600)
                    temporary.write_text(secrets.token_hex(32))
        if not (salt := path.read_bytes()):
            raise DatasetError(f"{path}: the salt for names of patients is empty; delete the file, or restore it")
        return salt
    except OSError as error:
        reason = f"{path}: the salt for names of patients cannot be kept ({error.strerror or error})"
        raise DatasetError(f"{reason}; set {SALT_VARIABLE} to a text of your own") from error
