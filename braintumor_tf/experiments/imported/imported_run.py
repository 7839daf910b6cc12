"""A model that was trained elsewhere as a run: kept, looked at with real images where there are some, and scored."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from braintumor_tf.errors import BrainTumorWarning, ModelError, RunError
from braintumor_tf.evaluation.prediction.predict import load_kept_model, predict_manifest
from braintumor_tf.evaluation.scores.evaluation_table import score_predictions
from braintumor_tf.evaluation.scores.unknown_training import of_unknown_training
from braintumor_tf.experiments.imported.contract import contract_hints
from braintumor_tf.experiments.rescoring import score_beside
from braintumor_tf.files import file_hash, write_json
from braintumor_tf.runs import IMPORTED, Run, data_fingerprint, environment, keeping_hash, writing_to

if TYPE_CHECKING:
    import keras

    from braintumor_tf.models.wrapped.pixel_scaling import Preprocess
    from braintumor_tf.models.wrapped.wrapping import WrappedModel


def import_model(
    model: keras.Model | str | Path,
    *,
    classes: int | Sequence[str],
    preprocess: Preprocess,
    out: str | Path,
    image_size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    crop: str | None = None,
    external: pd.DataFrame | None = None,
    config: Mapping[str, Any] | None = None,
    seed: int = 0,
    resamples: int = 1000,
    show_progress: bool = True,
) -> Run:
    """Keeps a Keras model that was trained elsewhere as a run, so that everything that takes a run takes it.

    The run has no training images: what the model was trained on is not known, so nobody can tell which images of
    `external` it has seen, and no shortcut baseline can be fitted. Without `external` the run has a model and no
    scores: it predicts and explains, and `evaluate_run` scores it on any data set.

    With `external`, some of these images are also a check of what was said of the model. Accuracy below chance, or one
    answer for nearly all images, is a warning; if another range of the pixels or another order of the classes fits
    better, the warning names it (`contract_hints`). It is never applied.

    Args:
        model: a ``.keras``, ``.h5`` or ``.hdf5`` file, also one of Keras 2, or a model of Keras. No code of a file is
            run.
        classes: as for `wrap_model`.
        preprocess: as for `wrap_model`, but for a function, which no file can keep.
        out: the run's directory.
        image_size: as for `wrap_model`.
        channels: as for `wrap_model`.
        crop: as for `wrap_model`.
        external: the manifest of a data set to score it on; tumour types become ``tumor`` for a model that tells only
            tumour or not. All images count as test images.
        config: what else to write into ``config.json``, such as the data set's name.
        seed: of the draws of the intervals and of the images that are looked at.
        resamples: of the intervals.
        show_progress: whether to show bars.

    Raises:
        EvaluationError: the data set has a class that the model lacks.
        ModelError: as `read_model` and `wrap_model`, or the model or its preprocessing cannot be kept in a file.
        RunError: there is a run in that directory.

    Example:
        >>> run = import_model("theirs.h5", classes=["no", "yes"], preprocess="vgg16", out="models/theirs")
        ... # doctest: +SKIP
        >>> bt.predict_files(run, ["slice_1.png"])["predicted"][0]  # doctest: +SKIP
        'tumor'
    """
    run = Run(out)
    run.refuse_if_taken()
    if (run.path / "config.json").is_file():
        raise RunError(f"{run.path}: holds an imported model already; choose another name or remove it")
    if callable(preprocess):
        raise ModelError(
            "preprocess is a function, which no file can keep; give a name or a scale and an offset, or use "
            "wrap_model, whose model stays in memory"
        )
    how = {"classes": classes, "preprocess": preprocess, "image_size": image_size, "channels": channels, "crop": crop}
    with writing_to(out):
        wrapped, about = _wrapped(model, how)
        network = wrapped.network
        hints: list[str] = []
        if external is not None:
            external = score_beside(None, external, network.classes, show_progress=show_progress)
            hints = contract_hints(wrapped, external, seed=seed)
        for note in (*wrapped.notes, *hints):
            warnings.warn(f"{about['file']}: {note}", BrainTumorWarning, stacklevel=2)
        about |= {"notes": list(wrapped.notes), "hints": hints}
        settings = {**(config or {}), **_settings(wrapped, about), "seed": seed, "resamples": resamples}
        _keep(run, network.model, settings, external)
        if external is not None:
            _score(run, external, show_progress)
    return run


def _wrapped(model: keras.Model | str | Path, how: Mapping[str, Any]) -> tuple[WrappedModel, dict[str, Any]]:
    """Reads a model and wraps it; returns with it what is known of its file."""
    from braintumor_tf.models.wrapped.inlining import BorrowedLayer  # imports Keras
    from braintumor_tf.models.wrapped.model_files import read_model
    from braintumor_tf.models.wrapped.wrapping import wrap

    about: dict[str, Any] = {"file": getattr(model, "name", ""), "sha256": ""}
    if isinstance(model, (str, Path)):
        path, model = Path(model), read_model(model)
        about = {"file": path.name, "sha256": file_hash(path, "sha256")}
    wrapped = wrap(model, **how)
    borrowed = [layer.name for layer in wrapped.network.model.layers if isinstance(layer, BorrowedLayer)]
    if borrowed:
        raise ModelError(
            f"{about['file']}: layer {borrowed[0]!r} holds code, which no file here keeps; put a layer of Keras in its "
            "place, or use wrap_model, whose model stays in memory"
        )
    return wrapped, about


def _settings(wrapped: WrappedModel, about: Mapping[str, Any]) -> dict[str, Any]:
    network, scaling = wrapped.network, wrapped.scaling
    stem = Path(about["file"]).stem
    return {
        "model": f"{IMPORTED} {stem}",
        "protocol": IMPORTED,
        "classes": list(network.classes),
        "image_size": list(network.image_size),
        "crop": network.crop,
        "baselines": False,
        IMPORTED: {**about, "channels": network.channels, "preprocess": scaling.name, "scaling": scaling.to_dict()},
    }


def _keep(run: Run, model: keras.Model, settings: Mapping[str, Any], manifest: pd.DataFrame | None) -> None:
    """Writes the model, and then the configuration, and the manifest where there are images."""
    run.path.mkdir(parents=True, exist_ok=True)
    with keeping_hash(run.path / "model.keras") as temporary:
        model.save(temporary)
    if manifest is not None:
        Run.create(run.path, settings, manifest)
        return
    none = pd.DataFrame({name: pd.Series(dtype=str) for name in ("md5", "label", "split")})
    about = {"data_fingerprint": data_fingerprint(none), "environment": environment()}
    write_json(run.path / "config.json", {**settings, **about})


def _score(run: Run, manifest: pd.DataFrame, show_progress: bool) -> None:
    """Lets the model that is on disk predict all images, and ends the run with ``metrics.json``."""
    config = run.config
    run.write_predictions(predict_manifest(load_kept_model(run), manifest, show_progress=show_progress))
    drawn = {"seed": config["seed"], "resamples": config["resamples"]}
    metrics = score_predictions(run.predictions, manifest, config["classes"], **drawn)
    run.write_metrics(of_unknown_training(metrics.to_dict()))
