"""The report's section on whether probabilities can be taken at their word, and on not answering."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from braintumor_tf.evaluation.calibration.temperature_effect import JUDGED, effect_on_test
from braintumor_tf.evaluation.scores.judgement import NOT_TOLD_APART, WORSE, judge
from braintumor_tf.report.plots.calibration import reliability_diagram, risk_coverage, set_sizes
from braintumor_tf.report.sections.embedding import keep_figure
from braintumor_tf.report.wording.numbers import as_score, cell, difference_cell, number, score_text, signed

_SCORES = {
    "expected_calibration_error": (
        "Expected calibration error",
        "mean gap of confidence and accuracy, equal-width bins",
    ),
    "adaptive_calibration_error": ("… with bins of equal mass", "the same, as many images in each bin"),
    "brier_score": ("Brier score", "squared error summed over the classes: 0 is perfect, 2 the worst"),
    "negative_log_likelihood": ("Log loss", "mean of minus the logarithm of the true class's probability"),
}
"""Title and note of each score."""

_FIGURES = (
    (reliability_diagram, "reliability", "Accuracy against confidence, before and after",
     "Below the dashed line the model is overconfident. Bars: 95 % intervals over groups."),
    (risk_coverage, "risk_coverage", "Error among answered images against their share",
     "Red: thresholds chosen on validation for the error written beside them."),
    (set_sizes, "set_sizes", "Sizes of conformal sets for each class", ""),
)  # fmt: skip


def calibration_section(calibration: Mapping[str, Any] | None, *, folder: Path) -> dict[str, Any] | None:
    """Puts together what the page shows of ``calibration.json``, and saves its figures.

    Args:
        calibration: as in ``calibration.json``; None for a run that was not calibrated.
        folder: where the figures are saved as PNG.

    Returns:
        What `calibration_content` returns, and ``figures``; None for such a run.
    """
    content = calibration_content(calibration)
    if content is None:
        return None
    figures = [
        keep_figure(plot(calibration), folder / f"{file}.png", alt=alt, caption=caption)
        for plot, file, alt, caption in _FIGURES
    ]
    return {**content, "figures": figures}


def calibration_content(calibration: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Puts together what page and model card say of ``calibration.json``.

    Args:
        calibration: as for `calibration_section`.

    Returns:
        ``sentences``, ``scores``, ``classes`` and ``risks`` (rows of text) and ``stated``; None for a run that was not
        calibrated.
    """
    if not calibration:
        return None
    conformal, scores, changes = (
        calibration["conformal"],
        calibration["scores"],
        effect_on_test(calibration).changes,
    )
    return {
        "stated": f"{100 * conformal['coverage_stated']:g} %",
        "sentences": calibration_sentences(calibration),
        "scores": [
            {
                "title": title,
                "note": note,
                **{key: cell(scores[key][name]) for key in ("before", "after")},
                "change": difference_cell(changes[name]),
            }
            for name, (title, note) in _SCORES.items()
        ],
        "classes": [
            {
                "label": name,
                "groups": f"{each['groups']:,}",
                "least": "always in" if each["always"] else number(each["least_probability"]),
                **{key: cell(each[key]) for key in ("coverage", "set_size", "answered", "accuracy_answered")},
            }
            for name, each in conformal["classes"].items()
        ],
        "risks": [
            {
                "wanted": f"{100 * row['risk_wanted']:g} %",
                "threshold": number(row["threshold"]) if row["threshold"] is not None else "not reached",
                **{key: cell(row[key]) for key in ("coverage", "risk")},
            }
            for row in calibration["selective"]["at_risk"]
        ],
    }


def calibration_sentences(calibration: Mapping[str, Any]) -> list[str]:
    """Says in plain words what calibration came to, and where what was stated did not hold.

    Args:
        calibration: as `evaluation.calibrate_run` returns it.
    """
    return [*_temperature_sentences(calibration), effect_sentence(calibration), *_conformal_sentences(calibration)]


def effect_sentence(calibration: Mapping[str, Any]) -> str:
    """Says whether the temperature made calibration worse on the test images, and by how much.

    Args:
        calibration: as in ``calibration.json``.
    """
    effect = effect_on_test(calibration)
    if not effect.larger:
        return f"On the test images the temperature makes none of {error_names(JUDGED)} larger."
    if effect.worse:
        return f"The temperature made calibration worse on the test images: {_changes(calibration, effect.worse)}."
    names, verb = error_names(effect.larger), "is" if len(effect.larger) == 1 else "are"
    return (
        f"On the test images {names} {verb} larger with the temperature, but {NOT_TOLD_APART} from without: "
        f"{_changes(calibration, effect.larger)}."
    )


def temperature_warning(calibration: Mapping[str, Any] | None) -> str:
    """Returns the reason not to use the temperature of a run; empty without one."""
    worse = effect_on_test(calibration).worse if calibration else ()
    if not worse:
        return ""
    return (
        f"The temperature made calibration worse on the test images: {_changes(calibration, worse)}. Do not use the "
        "calibrated probabilities; the scores are those of the model's own."
    )


def _changes(calibration: Mapping[str, Any], names: Sequence[str]) -> str:
    """Writes scores of calibration without and with the temperature, and their paired difference."""
    scores, changes = calibration["scores"], effect_on_test(calibration).changes
    return "; ".join(
        f"{error_names([name])} {number(scores['before'][name]['value'])} without and "
        f"{number(scores['after'][name]['value'])} with it, {signed(changes[name])}"
        for name in names
    )


def error_names(names: Sequence[str]) -> str:
    """Writes the names of scores of calibration inside a sentence.

    Example:
        >>> error_names(["expected_calibration_error", "brier_score", "negative_log_likelihood"])
        'expected calibration error, Brier score and log loss'
    """
    titles = [_SCORES[name][0] for name in names]
    titles = [title if title.startswith("Brier") else f"{title[0].lower()}{title[1:]}" for title in titles]
    return " and ".join(filter(None, [", ".join(titles[:-1]), titles[-1]]))


def _temperature_sentences(calibration: Mapping[str, Any]) -> list[str]:
    fitted, before = calibration["temperature"], calibration["scores"]["before"]
    value, error = fitted["value"], before["expected_calibration_error"]["value"]
    way = "overconfident" if value > 1.02 else "underconfident" if value < 0.98 else "as confident as it should be"
    found = [f"On validation images the model is {way}: temperature {number(value, 2)}."]
    if fitted["at_bound"]:
        found.append(
            "The temperature lies at an end of what is searched: validation does not say how far it should go. Do not "
            "rely on the probabilities after it."
        )
    floor = before["error_if_calibrated"]
    verdict = "This is no clear evidence against them" if error <= 1.5 * floor else "They are off by more than luck"
    found.append(
        f"The calibration error of the model's own probabilities is {number(error)}; perfect ones would show "
        f"{number(floor)} on average on as many groups. {verdict}."
    )
    return found


def _conformal_sentences(calibration: Mapping[str, Any]) -> list[str]:
    conformal, stated = calibration["conformal"], calibration["conformal"]["coverage_stated"]
    found, parts = [], conformal["classes"]
    if conformal["accuracy_answered"]["value"] is None:
        found.append(f"With sets made for {100 * stated:g} % coverage, no test image gets a single answer.")
    else:
        found.append(
            f"With sets made for {100 * stated:g} % coverage, {100 * conformal['answered']['value']:.0f} % of the test "
            f"images get a single answer, and {number(conformal['accuracy_answered']['value'], 2)} of these are right "
            f"({number(conformal['accuracy_all']['value'], 2)} where all are answered)."
        )
    always = [f"{name} ({each['groups']})" for name, each in parts.items() if each["always"]]
    if always:
        found.append(
            f"Too few validation groups to promise anything for {', '.join(always)}: these classes are in every set."
        )
    for name, each in parts.items():
        coverage = as_score(each["coverage"])
        if judge(coverage, against=stated).outcome == WORSE:
            found.append(
                f"The sets of {name} hold it in {score_text(coverage, 2)} of the test images, fewer than stated: they "
                "are unlike the validation images."
            )
    return found
