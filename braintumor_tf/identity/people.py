"""Who is the same person: the patients that a data set names, and those of the published pictures."""

from __future__ import annotations

import pandas as pd

from braintumor_tf.matching.components import least_names, number_components


def persons(manifest: pd.DataFrame) -> pd.Series:
    """Returns who is shown: one text a person over all data sets in a manifest, "" where nobody is known.

    Equal patients are one person if their data set (`source`) is the same, or if the published picture's data set
    (`origin`) and the patient there (`origin_patient`) are. Equal numbers of two data sets are two people. An
    image whose data set and whose origin both name a patient makes them one person.

    Args:
        manifest: as `datasets.scan` and `identity.link` fill it; columns that it lacks count as empty.

    Returns:
        Texts such as ``figshare:100360`` with the manifest's index.

    Example:
        >>> persons(pd.DataFrame({"patient": ["7", "7", ""], "source": ["one", "two", "one"]})).tolist()
        ['one:7', 'two:7', '']
    """
    own, there = own_patients(manifest), origin_patients(manifest)
    component = number_components(len(manifest), keys=[own, there])
    return least_names(there.where(there != "", own), component)


def own_patients(manifest: pd.DataFrame) -> pd.Series:
    """Returns the patients that the data sets themselves name, as ``source:patient``, "" where they name none.

    A patient that equals the origin's came with the origin, unless the data set names it for other images too.

    Example:
        >>> known = {"patient": ["7", "F"], "origin": "figshare", "origin_patient": ["F", "F"], "source": "one"}
        >>> own_patients(pd.DataFrame(known)).tolist()
        ['one:7', '']
    """
    patient, there = text_column(manifest, "patient"), text_column(manifest, "origin_patient")
    named = (text_column(manifest, "source") + ":" + patient).where(patient != "", "")
    came = (patient == there) & ~named.isin(named[patient != there])
    return named.mask(came, "")


def origin_patients(manifest: pd.DataFrame) -> pd.Series:
    """Returns the patients of the published pictures, as ``origin:patient``, "" where none is known."""
    patient = text_column(manifest, "origin_patient")
    return (text_column(manifest, "origin") + ":" + patient).where(patient != "", "")


def patient_contradictions(manifest: pd.DataFrame) -> pd.DataFrame:
    """Lists where the patients of a data set and those of the published pictures contradict each other.

    That two data sets name the patient of a published picture differently is no contradiction.

    Args:
        manifest: as `identity.link` fills it.

    Returns:
        One row a contradiction: ``patient`` (the one that is several), ``several`` (the others, sorted, joined by
        ", "), ``images`` (how many show them). Patients are ``source:patient`` and ``origin:patient``.

    Example:
        >>> known = {"patient": ["7", "7", "8"], "origin": "figshare", "origin_patient": ["A", "B", "B"]}
        >>> patient_contradictions(pd.DataFrame(known | {"source": "mine"})).values.tolist()
        [['figshare:B', 'mine:7, mine:8', 2], ['mine:7', 'figshare:A, figshare:B', 2]]
    """
    both = pd.DataFrame({"own": own_patients(manifest), "there": origin_patients(manifest)})
    both = both.assign(source=text_column(manifest, "source"))[(both != "").all(axis=1)]
    rows = []
    for one, other in (("own", "there"), ("there", "own")):
        for (patient, _), found in both.groupby([one, "source"])[other]:
            if found.nunique() > 1:
                rows.append((patient, ", ".join(sorted(set(found))), len(found)))
    return pd.DataFrame(sorted(rows), columns=["patient", "several", "images"])


def text_column(manifest: pd.DataFrame, name: str) -> pd.Series:
    """Returns a column of a manifest as text, "" where nothing stands or where there is no such column."""
    if name not in manifest:
        return pd.Series("", index=manifest.index, dtype=object)
    return manifest[name].astype(object).where(manifest[name].notna(), "").astype(str)
