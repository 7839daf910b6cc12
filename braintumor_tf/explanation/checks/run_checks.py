"""All checks of the explanations of a run, kept in its directory: can they be believed, and is the head looked at?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from braintumor_tf.datasets.content_check import check_contents
from braintumor_tf.evaluation.prediction.predict import load_run_model
from braintumor_tf.explanation.checks.localisation import LocalisationRow, localisation_check
from braintumor_tf.explanation.checks.masking import MaskingRow, masking_check
from braintumor_tf.explanation.checks.masks import masks_of
from braintumor_tf.explanation.checks.outside_head import SHOWN, OutsideRow, outside_check
from braintumor_tf.explanation.checks.results import CheckResult
from braintumor_tf.explanation.methods import DEFAULT_METHODS
from braintumor_tf.identity.lesions import Mask
from braintumor_tf.runs import Run, writing_to

if TYPE_CHECKING:
    from braintumor_tf.explanation.checks.randomisation import RandomisationRow


@dataclass(frozen=True, kw_only=True)
class ExplanationChecks:
    """What ``explanations.json`` holds.

    Attributes:
        split: which images were looked at.
        shown: what each row of `outside` showed the model.
        outside: scores with parts of the image covered (`outside_check`).
        method: the method of the randomisation check; None for a model without layers.
        randomisation: maps while weights are randomised (`randomisation_check`); empty for a model without layers.
        localisation: maps against lesions (`localisation_check`); empty where no lesion is known.
        masking: covered lesions (`masking_check`); empty where no lesion is known.
    """

    split: str
    outside: CheckResult[OutsideRow]
    shown: Mapping[str, str] = field(default_factory=lambda: dict(SHOWN))
    method: str | None = None
    randomisation: CheckResult[RandomisationRow] = field(default_factory=CheckResult)
    localisation: CheckResult[LocalisationRow] = field(default_factory=CheckResult)
    masking: CheckResult[MaskingRow] = field(default_factory=CheckResult)

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields by name, each check as a list of rows, as they stand in ``explanations.json``."""
        return {
            "split": self.split,
            "shown": dict(self.shown),
            "outside": self.outside.to_records(),
            "method": self.method,
            "randomisation": self.randomisation.to_records(),
            "localisation": self.localisation.to_records(),
            "masking": self.masking.to_records(),
        }


def check_explanations(
    run: Run | str | Path,
    *,
    masks: Sequence[Mask | None] | None = None,
    methods: Sequence[str] | None = None,
    split: str = "test",
    images: int = 32,
    lesions: int = 128,
    seed: int = 0,
    resamples: int = 1000,
    show_progress: bool = True,
) -> ExplanationChecks:
    """Runs every check that a run's data allow, and writes ``explanations.json`` into it; a report then shows them.

    Always: how much of the score is left when the head, or everything else, is covered (`outside_check`). For networks:
    whether the map changes when weights are randomised (`randomisation_check`). Where lesions are known: whether
    explanations point at them (`localisation_check`), and whether covering them lowers the probability of the true
    class (`masking_check`). They are known by the masks of synthetic images and by the boxes of the run's manifest.

    Args:
        run: a finished run, or its directory.
        masks: files, arrays or boxes, one for each row of the run's manifest, None for an image without; None finds
            them (`find_masks`).
        methods: names of `METHODS` for the localisation; None for all that fit the model.
        split: which images.
        images: how many images the randomisation check takes at most, drawn at random, one a group where possible.
        lesions: how many images with a known lesion the checks against lesions take at most, drawn likewise; occlusion
            needs a second or so for each.
        seed: of the draws and the resamples.
        resamples: of the intervals.
        show_progress: whether to show bars.

    Returns:
        What was written.

    Raises:
        ExplanationError: no image is in that split, or a method does not fit the model.
        ImageReadError: an image is missing, or its content is not that of the manifest.
        ModelError: the model is not the run's own (`load_run_model`).
        RunError: there is no such run, it is not finished, it has no model, or another process is writing to it.

    Example:
        >>> found = check_explanations("models/cnn")  # doctest: +SKIP
        >>> print(found.outside["background alone"].accuracy)  # doctest: +SKIP
        0.31 (0.25-0.38)
    """
    run = Run.of(run)
    run.refuse_unfinished()
    how = {"images": images, "lesions": lesions, "seed": seed, "resamples": resamples, "show_progress": show_progress}
    with writing_to(run.path):
        checks = _check(run, masks, methods, split, **how)
        run.write_explanations(checks.to_dict())
    return checks


def _check(
    run: Run,
    masks: Sequence[Mask | None] | None,
    methods: Sequence[str] | None,
    split: str,
    *,
    images: int,
    lesions: int,
    seed: int,
    resamples: int,
    show_progress: bool,
) -> ExplanationChecks:
    """Runs the checks on a run, and writes nothing."""
    from braintumor_tf.explanation.subject import Subject  # imports Keras

    manifest = run.manifest
    check_contents(manifest, splits=[split], show_progress=show_progress)
    model = load_run_model(run)
    subject = Subject(model)
    masks = masks_of(manifest, masks)
    chosen = (manifest["split"] == split).to_numpy()
    rows = manifest[chosen]
    known = pd.Series(masks, index=manifest.index, dtype=object)[chosen].dropna()
    settings = {"seed": seed, "resamples": resamples, "show_progress": show_progress}
    found: dict[str, Any] = {"outside": outside_check(model, manifest, split=split, **settings)}
    if subject.network is not None:
        from braintumor_tf.explanation.checks.randomisation import randomisation_check  # imports Keras

        few, method = draw_images(rows, images, seed=seed), DEFAULT_METHODS[subject.kind]
        found |= {
            "method": method,
            "randomisation": randomisation_check(
                subject.network, few["path"].tolist(), method=method, groups=few["group"].tolist(), **settings
            ),
        }
    if len(known):
        few = draw_images(rows.loc[known.index], lesions, seed=seed).sort_index()
        masks = known[few.index].tolist()
        found["localisation"] = localisation_check(model, few, masks=masks, methods=methods, **settings)
        found["masking"] = masking_check(model, few, masks=masks, **settings)
    return ExplanationChecks(split=split, **found)


def draw_images(rows: pd.DataFrame, count: int, *, seed: int = 0) -> pd.DataFrame:
    """Draws up to `count` images at random: first one of each group, then the others.

    Example:
        >>> rows = pd.DataFrame({"path": ["a", "b", "c"], "group": ["1", "1", "2"]})
        >>> sorted(draw_images(rows, 2)["group"])
        ['1', '2']
    """
    shuffled = rows.iloc[np.random.default_rng(seed).permutation(len(rows))]
    repeated = shuffled.duplicated("group") & (shuffled["group"].astype(str) != "")
    return pd.concat([shuffled[~repeated], shuffled[repeated]]).head(count)
