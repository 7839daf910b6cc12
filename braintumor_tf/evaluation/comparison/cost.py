"""What a model costs: its parameters, its size on disk, the time to train it, the time that it takes for an image."""

from __future__ import annotations

import io
import statistics
import time
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from braintumor_tf.errors import RunError
from braintumor_tf.evaluation.prediction.ensemble_file import members_of, model_file
from braintumor_tf.evaluation.prediction.predict import open_predictor
from braintumor_tf.models.exported.contract import FORMATS, model_files, read_contract
from braintumor_tf.models.image_fitting import read_for
from braintumor_tf.runs import Run
from braintumor_tf.types import Predictor

TIMED_IMAGES = 64
"""How many images are predicted to measure the time for one."""

_STATE = ("seed_generator", "optimizer")  # kept in the file, and no weights of the model


@dataclass(frozen=True)
class Cost:
    """What a model costs; None stands for what is not known.

    Attributes:
        parameters: trained or not.
        bytes: of the model files.
        train_seconds: wall time of the training. Of a training that was interrupted, every epoch that was kept and the
            last start count.
        milliseconds_per_image: as `milliseconds_per_image` measures it; None unless it was.
    """

    parameters: int | None
    bytes: int | None
    train_seconds: float | None
    milliseconds_per_image: float | None = None

    def to_dict(self) -> dict[str, float | None]:
        """Returns the costs by name, in the order in which tables show them."""
        return asdict(self)


COSTS = tuple(field.name for field in fields(Cost))
"""The names of the costs, in the order in which tables show them."""


def cost_of(run: Run) -> Cost:
    """Returns what is known of a run's costs without running its model.

    Args:
        run: a finished run; an ensemble and a k-fold run cost what their members cost together.

    Returns:
        The cost, without the time for an image. None stands for what the run does not know: its model is gone, or it
        was made before the time was kept.
    """
    try:
        files = _model_files(run)
    except RunError:
        return Cost(None, None, _train_seconds(run))
    counts = [parameters_in(file) for file in files]
    parameters = None if None in counts else sum(counts)
    size = sum(part.stat().st_size for file in files for part in _parts(file))
    return Cost(parameters, size, _train_seconds(run))


def parameters_in(path: str | Path) -> int | None:
    """Counts the parameters of a model file, as Keras's ``count_params`` does, without building the model.

    Args:
        path: ``model.keras``, whose arrays are counted, or ``model.skops``, of which those count that predict: means
            and components, coefficients and intercepts. Of an exported model its contract says how many there are.
    """
    path = Path(path)
    if path.name in FORMATS.values():
        return read_contract(path.parent).parameters
    if path.suffix == ".keras":
        return _parameters_of_network(path)
    from braintumor_tf.models import load_model

    steps = load_model(path).pipeline.named_steps
    components, regression = steps["pca"], steps["logisticregression"]
    arrays = (components.mean_, components.components_, regression.coef_, regression.intercept_)
    return int(sum(array.size for array in arrays))


def milliseconds_per_image(
    model: Predictor | Run | str | Path,
    paths: Sequence[str],
    *,
    repeats: int = 5,
    images: int = TIMED_IMAGES,
    batch_size: int = TIMED_IMAGES,
) -> float:
    """Measures how long a model takes for an image that is read already, on this machine, now.

    Images are read and fitted to the model's size first; one pass warms up (Keras compiles in it), the median of the
    others counts.

    Args:
        model: a model, an `Ensemble`, a run, or a run's directory.
        paths: image files; those that are too few are repeated, so that every model gets full batches.
        repeats: how many passes count.
        images: how many are predicted in a pass.
        batch_size: how many at once.

    Returns:
        Milliseconds an image.
    """
    predictor = open_predictor(model)
    chosen = [paths[place % len(paths)] for place in range(images)]
    pictures = {path: read_for(predictor, path) for path in set(chosen)}
    batch = np.stack([pictures[path] for path in chosen])
    predictor.predict_images(batch, batch_size=batch_size)
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        predictor.predict_images(batch, batch_size=batch_size)
        seconds.append(time.perf_counter() - started)
    return 1000 * statistics.median(seconds) / len(batch)


def _model_files(run: Run) -> list[Path]:
    members = [member for member, _ in members_of(run)]
    return [file for member in members for file in _model_files(member)] if members else [model_file(run)]


def _parts(file: Path) -> list[Path]:
    """The files of a model that is opened by one of them."""
    return model_files(file.parent) if file.name in FORMATS.values() else [file]


def _train_seconds(run: Run) -> float | None:
    """Returns the seconds that a run has kept, or those of its members together."""
    kept = run.metrics.get("training") or {}
    if kept.get("seconds") is not None:
        return float(kept["seconds"])
    try:
        members = [_train_seconds(member) for member, _ in members_of(run)]
    except RunError:
        return None
    return None if None in members or not members else sum(members)


def _parameters_of_network(path: Path) -> int:
    import h5py

    sizes = []

    def count(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and not any(part in _STATE for part in name.split("/")):
            sizes.append(item.size)

    with zipfile.ZipFile(path) as archive, h5py.File(io.BytesIO(archive.read("model.weights.h5")), "r") as weights:
        weights.visititems(count)
    return int(sum(sizes))
