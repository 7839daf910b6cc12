"""Scores of patients beside those of images: the images of one person answer together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from braintumor_tf.evaluation.scores.group_bootstrap import Drawn, group_numbers, with_resamples
from braintumor_tf.evaluation.scores.proportions import label_score_groups, proportion_scores
from braintumor_tf.evaluation.scores.split_scores import PatientScores
from braintumor_tf.evaluation.scores.weighted_metrics import Values, label_values, weighted_confusion
from braintumor_tf.identity.people import persons
from braintumor_tf.predictions_table import class_numbers, probabilities_of


def patient_cases(rows: pd.DataFrame, manifest: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Puts the predictions of each patient together: the mean probabilities over the images of one person and label.

    Args:
        rows: predictions of one split.
        manifest: the images by `path`, with their patients (`identity.persons`).
        classes: class names in order.

    Returns:
        One row a case, a person with one label: `person`, `label`, `group`, `images`, `predicted` (the class of the
        highest mean probability) and ``p_<class>``. Images of unknown people are left out; empty without a known one.

    Example:
        >>> rows = pd.DataFrame({"path": ["a", "b"], "label": "tumor", "group": "g"})
        >>> rows = rows.assign(p_no_tumor=[0.6, 0.1], p_tumor=[0.4, 0.9])
        >>> manifest = pd.DataFrame({"path": ["a", "b"], "source": "mine", "patient": "7"})
        >>> patient_cases(rows, manifest, ("no_tumor", "tumor"))[["person", "images", "predicted"]].to_numpy().tolist()
        [['mine:7', 2, 'tumor']]
    """
    people = pd.Series(persons(manifest).to_numpy(), index=manifest["path"].to_numpy())
    person = rows["path"].map(people[~people.index.duplicated()]).fillna("")
    known = rows.assign(person=person)[(person != "").to_numpy()]
    group = known["group"].where(known["group"] != "", known["person"])
    known = known.assign(group=group.groupby(known["person"]).transform("first"))  # a person is never two groups
    cases = known.groupby(["person", "label"], sort=True)
    columns = [f"p_{name}" for name in classes]
    found = cases[columns].mean()
    found["group"], found["images"] = cases["group"].first(), cases.size()
    found["predicted"] = np.array(classes, dtype=object)[found[columns].to_numpy().reshape(-1, len(columns)).argmax(1)]
    return found.reset_index()


def score_patients(
    rows: pd.DataFrame, manifest: pd.DataFrame, classes: Sequence[str], *, resamples: int = 1000, seed: int = 0
) -> PatientScores | None:
    """Scores whole patients; None where nobody is known.

    Args:
        rows: predictions of one split.
        manifest: as for `patient_cases`.
        classes: class names in order.
        resamples: of the intervals of balanced accuracy and macro-F1.
        seed: of the resamples.
    """
    cases = patient_cases(rows, manifest, classes)
    if cases.empty:
        return None
    truth = class_numbers(cases["label"], classes)
    named = probabilities_of(cases, classes).argmax(axis=1)
    groups, right = group_numbers(cases["group"]), truth == named

    def scores(weights: np.ndarray) -> Values:
        return label_values(weighted_confusion(truth, named, weights, classes=len(classes)))

    value, drawn = with_resamples(scores, groups, resamples=resamples, seed=seed)
    independent = label_score_groups(truth, groups, classes=len(classes))
    macro = {
        name: Drawn(value[name], drawn.get(name), independent[name]).score()
        for name in ("balanced_accuracy", "macro_f1")
    }
    columns = {name: (right, truth == place) for place, name in enumerate(classes)}
    shares = proportion_scores({"": (right, np.ones(len(right), bool)), **columns}, groups)
    return PatientScores(
        accuracy=shares[""],
        **macro,
        patients=int(cases["person"].nunique()),
        cases=len(cases),
        images=int(cases["images"].sum()),
        unknown=len(rows) - int(cases["images"].sum()),
        recall={name: shares[name] for name in classes},
        support={name: int((truth == place).sum()) for place, name in enumerate(classes)},
    )
