"""Patients of DICOM files: who is who stands in the files, and goes no further than a pseudonym."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from braintumor_tf.datasets.cache import cache_directory
from braintumor_tf.datasets.formats.medical.dicom import read_tags
from braintumor_tf.datasets.formats.medical.pseudonyms import SALT_VARIABLE, pseudonym, salt_of
from braintumor_tf.datasets.formats.medical.table import file_of, medical_format
from braintumor_tf.datasets.layouts.layout import Layout, Rows
from braintumor_tf.errors import ImageReadError
from braintumor_tf.progress import progress_bar

_TAGS = ("IssuerOfPatientID", "PatientID", "PatientName", "StudyInstanceUID", "SeriesInstanceUID")


def name_patients(rows: Rows, layout: Layout) -> list[str]:
    """Fills the patients of DICOM files into rows that lack them, in place.

    A patient is the id in the file; where that is empty the name, and where that is empty too the study or the series,
    so that pictures of one head stay together. What is written is a pseudonym (`pseudonym`), unless the layout keeps
    the ids; names and numbers of studies are never kept. Files that cannot be read keep no patient: reading their
    pictures says why.

    Args:
        rows: with ``path`` and ``patient``; one that has a patient keeps it.
        layout: its `keep_patient_ids` is read.

    Returns:
        Notes: of how many files patients were found, and what stands for them.

    Raises:
        DatasetError: the salt cannot be kept.
    """
    files = {file_of(row["path"]) for row in rows if not row["patient"]}
    files = sorted(path for path in files if (found := medical_format(path)) and found.name == "DICOM")
    if not files:
        return []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = dict(zip(files, progress_bar(pool.map(_identity, files), "Patients", total=len(files))))
    salt = salt_of(cache_directory())
    patients = {path: _patient(*told, layout, salt) for path, told in found.items() if told}
    for row in rows:
        row["patient"] = row["patient"] or patients.get(file_of(row["path"]), "")
    if not patients:
        return []
    files_and_people = f"{len(patients):,} DICOM files name {len(set(patients.values())):,} patients"
    if layout.keep_patient_ids:
        return [f"{files_and_people}; their ids are kept as they stand there, and pseudonyms stand for a missing id"]
    where = SALT_VARIABLE if os.environ.get(SALT_VARIABLE) else f"{cache_directory()}"
    return [f"{files_and_people}; pseudonyms stand for them (salt: {where}), names and dates are not kept"]


def _identity(path: str) -> tuple[str, str, str] | None:
    """Returns which tag tells the patient of a file, what it says, and who gave the id; None where nothing does."""
    try:
        issuer, *told = read_tags(path, _TAGS).values()
    except ImageReadError:
        return None
    kind, value = next(((kind, value) for kind, value in zip(_TAGS[1:], told) if value), (None, ""))
    return None if kind is None else (kind, value, issuer if kind == "PatientID" else "")


def _patient(kind: str, value: str, issuer: str, layout: Layout, salt: bytes) -> str:
    if kind == "PatientID" and layout.keep_patient_ids:
        return value
    return pseudonym(f"{kind}:{issuer}/{value}", salt)
