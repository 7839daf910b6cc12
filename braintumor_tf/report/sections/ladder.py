"""The report's section on the leak ladder: what the score is worth under each way of making groups."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from braintumor_tf.experiments.ladder_result import GROUPS_INTERVAL, MODEL, Ladder, Rung
from braintumor_tf.report.plots.ladder import leak_ladder
from braintumor_tf.report.sections.embedding import keep_figure
from braintumor_tf.report.wording.ladder import RUNG_NOTES, RUNG_TITLES, ladder_row_title
from braintumor_tf.report.wording.metrics import score_title
from braintumor_tf.report.wording.numbers import cell, counted, percent, score_text

FIGURE = "leak_ladder.png"


def ladder_section(found: Mapping[str, Any] | None, *, folder: Path) -> dict[str, Any] | None:
    """Puts together what the page shows of the leak ladder, and saves its figure.

    Args:
        found: as in ``ladder.json``; None for a run that is no rung of a ladder.
        folder: where the figure is saved as PNG.

    Returns:
        ``sentences``; ``columns`` (title and note of each rung); ``tables``, pairs of a score's name and its rows of
        text; ``leaks``, rows of text about the test images; ``ends``, what the ends of a score are; and ``figure``.
        None where there is no ladder.
    """
    if not found:
        return None
    ladder = Ladder.from_dict(found)
    return {
        "sentences": ladder_sentences(ladder),
        "columns": [(RUNG_TITLES[rung.name], RUNG_NOTES[rung.name]) for rung in ladder.rungs],
        "tables": [(score_title(name), score_rows(ladder, name)) for name in ("macro_f1", "accuracy")],
        "leaks": leak_rows(ladder),
        "ends": ladder.interval,
        "figure": keep_figure(leak_ladder(ladder), folder / FIGURE, alt="Macro-F1 on each rung of the leak ladder"),
    }


def score_rows(ladder: Ladder, name: str) -> list[dict[str, Any]]:
    """Returns a row of text for the model and for each shortcut baseline, with one score on each rung."""
    return [
        {
            "title": ladder_row_title(ladder, row),
            "model": row == MODEL,
            "cells": [cell(rung.scores[row][name]) for rung in ladder.rungs],
        }
        for row in ladder.rows
    ]


def leak_rows(ladder: Ladder) -> list[dict[str, Any]]:
    """Returns rows of text: on each rung the test images, and what they share with training."""
    counts = [rung.leaks for rung in ladder.rungs]
    return [
        {"title": "All test images", "cells": [{"value": f"{one.images:,}", "note": ""} for one in counts]},
        {
            "title": "… with a near-duplicate in training",
            "cells": [_share(one.near_duplicates, one.images) for one in counts],
        },
        {"title": "… whose patient is known", "cells": [_share(one.known_patients, one.images) for one in counts]},
        {
            "title": "… of these, with the patient in training",
            "cells": [_share(one.same_patient, one.known_patients) for one in counts],
        },
    ]


def ladder_sentences(ladder: Ladder) -> list[str]:
    """Says what the score is on the first and the last rung, whose patients are known, and what is not known.

    Args:
        ladder: of one seed or of several.
    """
    return [
        *[_fall(ladder, row) for row in _told(ladder)],
        _patients(ladder),
        _same_split(ladder),
        "The rungs test different images of the same data set, so a difference between two of them also holds the luck "
        "of the split"
        + ("; several seeds (--seeds) show how much." if len(ladder.seeds) == 1 else ", which the seeds show."),
    ]


def ladder_text(ladder: Ladder, name: str = "macro_f1") -> str:
    """Returns the ladder as text for a terminal: the scores on each rung, and what test images share with training.

    Args:
        ladder: of one seed or of several.
        name: the score.
    """
    columns = [RUNG_TITLES[rung.name] for rung in ladder.rungs]
    rows = {
        ladder_row_title(ladder, row): [score_text(rung.scores[row][name], 2) for rung in ladder.rungs]
        for row in ladder.rows
    }
    rows |= {row["title"]: [_one_line(each) for each in row["cells"]] for row in leak_rows(ladder)}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    title = f"{score_title(name)[0].upper()}{score_title(name)[1:]} ({ladder.interval})"
    return f"{title}\n{table.to_string()}"


def _told(ladder: Ladder) -> list[str]:
    """The model, and the baseline that loses most between the first and the last rung."""
    first, last = ladder.rungs[0], ladder.rungs[-1]
    baselines = [row for row in ladder.rows if row != MODEL and None not in _ends(first, last, row)]
    return [MODEL, *sorted(baselines, key=lambda row: _ends(first, last, row)[1] - _ends(first, last, row)[0])[:1]]


def _ends(first: Rung, last: Rung, row: str) -> tuple[float | None, float | None]:
    return tuple(rung.scores[row]["macro_f1"].value for rung in (first, last))


def _fall(ladder: Ladder, row: str) -> str:
    steps = [f"{score_text(rung.scores[row]['macro_f1'], 2)} {RUNG_TITLES[rung.name]}" for rung in ladder.rungs]
    title = ladder_row_title(ladder, row)
    ends = "95 % intervals over groups" if ladder.interval == GROUPS_INTERVAL else ladder.interval
    note = f" ({ends} in brackets)" if row == MODEL else ""
    return f"Macro-F1 of {title}: {', '.join(steps)}{note}."


def _patients(ladder: Ladder) -> str:
    if not ladder.known_patients:
        return (
            "No patient is known, so the last rung can keep no patient on one side: it is an upper bound of what the "
            "model does on new patients."
        )
    known = f"{ladder.known_patients:,} of {counted(ladder.images, 'image')} ({counted(ladder.patients, 'patient')})"
    text = f"Patients are known for {known}."
    if ladder.known_patients < ladder.images:
        text += " Images without a known patient may still share one, so even the last rung may leak."
    return text


def _same_split(ladder: Ladder) -> str:
    first, second = ladder.rungs[-2:]
    if first.run != second.run:
        leaks = first.leaks
        return (
            f"With look-alikes together, {leaks.same_patient:,} of the {leaks.known_patients:,} test images with a "
            f"known patient have that patient in training "
            f"({percent(leaks.same_patient, leaks.known_patients) or 'none'})."
        )
    return "No known patient has images in two groups of look-alikes, so the last two rungs are one and the same run."


def _share(part: int, whole: int) -> dict[str, str]:
    return {"value": f"{part:,}", "note": percent(part, whole)}


def _one_line(found: Mapping[str, str]) -> str:
    return f"{found['value']} ({found['note']})" if found["note"] else found["value"]
