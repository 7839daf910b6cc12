"""The file of a run without a model of its own: its members, what they weigh, and the hash of each one's model."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from braintumor_tf.errors import RunError
from braintumor_tf.evaluation.prediction.ensemble_model import normalised_weights
from braintumor_tf.files import file_hash, write_json
from braintumor_tf.models.exported.contract import FORMATS
from braintumor_tf.runs import Run, check_model
from braintumor_tf.runs.readers import read_fields

FILE = "ensemble.json"


def keep_members(run: Run, members: Sequence[Run], weights: Sequence[float] | None = None) -> None:
    """Writes ``ensemble.json`` into a run: where its members lie, seen from the run, and what they weigh."""
    rows = [
        {
            "run": Path(os.path.relpath(member.path, run.path)).as_posix(),
            "weight": float(weight),
            "sha256": file_hash(model_file(member), "sha256"),
        }
        for member, weight in zip(members, normalised_weights(weights, len(members)))
    ]
    write_json(run.path / FILE, {"members": rows})


def members_of(run: Run) -> list[tuple[Run, float]]:
    """Returns the members of an ensemble or of a finished k-fold run with their weights; an empty list for other runs.

    Raises:
        RunError: a member is gone, or its model is not the one that was scored.
    """
    if not (run.path / FILE).is_file():
        return []
    found = []
    for row in read_fields(run.path / FILE)["members"]:
        member = Run(run.path / row["run"])
        if file_hash(model_file(member), "sha256") != row["sha256"]:
            raise RunError(
                f"{member.path}: its model is not the one that {run.path} was made of; make the ensemble anew"
            )
        found.append((member, row["weight"]))
    return found


def model_file(run: Run) -> Path:
    """Returns the file of the model that a run has kept, whichever kind it is, once it is known to be the run's own.

    Raises:
        ModelError: it is another one than the run wrote (`check_model`).
        RunError: it has none.
    """
    from braintumor_tf.models.registry import FILES

    names = [name for name in (*FILES.values(), *FORMATS.values()) if (run.path / name).is_file()]
    path = run.file(names[0] if names else next(iter(FILES.values())))
    check_model(path)
    return path
