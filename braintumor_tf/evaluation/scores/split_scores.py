"""The scores of one split: what `score_predictions` returns and ``metrics.json`` holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from braintumor_tf.evaluation.scores.group_bootstrap import Resampling
from braintumor_tf.types import Score


@dataclass(frozen=True, kw_only=True)
class LabelScores:
    """Scores that follow from the labels alone; macro scores are means over the classes that have images."""

    accuracy: Score
    balanced_accuracy: Score
    macro_precision: Score
    macro_recall: Score
    macro_f1: Score


@dataclass(frozen=True, kw_only=True)
class ModelScores(LabelScores):
    """The scores of a model on all images.

    Attributes:
        roc_auc: mean over the classes of one class against the rest.
        average_precision: mean over the classes of one class against the rest.
        tumour_sensitivity: of any tumour against no tumour, whichever type was named.
        tumour_specificity: of any tumour against no tumour.
    """

    roc_auc: Score
    average_precision: Score
    tumour_sensitivity: Score
    tumour_specificity: Score


@dataclass(frozen=True, kw_only=True)
class ClassScores:
    """The scores of one class against the rest; `support` is the number of its images."""

    precision: Score
    recall: Score
    f1: Score
    roc_auc: Score
    average_precision: Score
    support: int


@dataclass(frozen=True, kw_only=True)
class CleanScores(LabelScores):
    """The scores on images without a near-duplicate in training; `share` is their share of all images."""

    share: Score
    images: int


@dataclass(frozen=True, kw_only=True)
class NearDuplicateScores(LabelScores):
    """The scores on images with a near-duplicate in training.

    Attributes:
        share: their share of all images.
        above_clean: what the accuracy has over that on the other images; the interval is paired.
        images: how many there are.
    """

    share: Score
    above_clean: Score
    images: int


@dataclass(frozen=True)
class BaselineScores:
    """The scores of a shortcut baseline on the images of the model.

    Attributes:
        accuracy: of the baseline.
        macro_f1: of the baseline.
        model_above: what the model has more of ``accuracy`` and ``macro_f1``; the intervals are paired.
    """

    accuracy: Score
    macro_f1: Score
    model_above: Mapping[str, Score]

    def to_dict(self) -> dict[str, Any]:
        """Returns the accuracy as ``value``, ``low`` and ``high``, beside ``macro_f1`` and ``model_above``."""
        above = {name: each.to_dict() for name, each in self.model_above.items()}
        return {**self.accuracy.to_dict(), "macro_f1": self.macro_f1.to_dict(), "model_above": above}


@dataclass(frozen=True, kw_only=True)
class PatientScores:
    """The scores of patients: one is right if the mean probability over the images is highest for the label.

    A patient with images of several labels counts once for each of them.

    Attributes:
        accuracy: share of the patients that are named correctly.
        balanced_accuracy: mean recall of the classes.
        macro_f1: mean F1 of the classes.
        patients: how many people there are.
        cases: how many pairs of a patient and a label; what the scores are counted over.
        images: images of these patients.
        unknown: scored images whose patient is not known; they are left out.
        recall: of each class.
        support: cases of each class.
    """

    accuracy: Score
    balanced_accuracy: Score
    macro_f1: Score
    patients: int
    cases: int
    images: int
    unknown: int
    recall: Mapping[str, Score]
    support: Mapping[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Returns the scores as ``metrics.json`` holds them."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class SplitScores:
    """The scores of the predictions of one split.

    Attributes:
        split: which split was scored.
        images: how many images were scored.
        groups: how many groups they are of.
        overlap: images of another data set that were left out because a near-duplicate is in training.
        class_names: in order.
        resampling: of the intervals.
        scores: of all images.
        classes: of each class.
        missed_tumours: tumours that were named ``no_tumor``; None without that class.
        false_alarms: healthy images that were named a tumour; None without that class.
        confusion_matrix: images of each true class, one row each, by the class that was named.
        near_duplicates: of images with a near-duplicate in training.
        clean: of all other images.
        baselines: of each shortcut baseline.
        few_groups: for each score whose interval rests on fewer than `proportions.FEW_GROUPS` effective groups, their
            number.
        patients: of whole patients; None where no image's patient is known.
    """

    split: str
    images: int
    groups: int
    overlap: int
    class_names: tuple[str, ...]
    resampling: Resampling
    scores: ModelScores
    classes: Mapping[str, ClassScores]
    missed_tumours: int | None
    false_alarms: int | None
    confusion_matrix: tuple[tuple[int, ...], ...]
    near_duplicates: NearDuplicateScores
    clean: CleanScores
    baselines: Mapping[str, BaselineScores]
    few_groups: Mapping[str, float]
    patients: PatientScores | None

    @property
    def accuracy(self) -> Score:
        """The share of images that are named correctly."""
        return self.scores.accuracy

    @property
    def macro_f1(self) -> Score:
        """The mean F1 of the classes."""
        return self.scores.macro_f1

    def to_dict(self) -> dict[str, Any]:
        """Returns the scores as ``metrics.json`` holds them; near-duplicates are ``twins`` there."""
        counts = [list(row) for row in self.confusion_matrix]
        return {
            "split": self.split,
            "images": self.images,
            "groups": self.groups,
            "overlap": self.overlap,
            "classes_order": list(self.class_names),
            "interval": self.resampling.to_dict(),
            **asdict(self.scores),
            "classes": {name: asdict(each) for name, each in self.classes.items()},
            "missed_tumours": self.missed_tumours,
            "false_alarms": self.false_alarms,
            "confusion_matrix": {"labels": list(self.class_names), "counts": counts},
            "twins": asdict(self.near_duplicates),
            "clean": asdict(self.clean),
            "baselines": {name: each.to_dict() for name, each in self.baselines.items()},
            "few_groups": dict(self.few_groups),
            "patients": None if self.patients is None else self.patients.to_dict(),
        }
