"""The settings of an experiment as one object: how they are put together, and how they stand in ``config.json``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from braintumor_tf.augment.noise import describe, from_description
from braintumor_tf.augment.noise.base import Noise
from braintumor_tf.errors import DamagedRun, NoiseError
from braintumor_tf.models import get_spec, resolve_config
from braintumor_tf.models.input_memory import check_memory
from braintumor_tf.training import Preset, TrainingError, resolve_preset, split_settings
from braintumor_tf.types import ModelConfig


@dataclass(frozen=True, kw_only=True)
class ExperimentSettings:
    """Every setting of an experiment, handed on whole; the images and where to train are not among them.

    Attributes:
        model: what is built; its seed is that of the whole experiment.
        preset: of the training.
        noise: a noise model for the training images, or None.
        baselines: whether the shortcut baselines are scored, or the names of those that were given.
        resamples: of the intervals.
        about: what else stands in ``config.json``, such as data set and protocol.
    """

    model: ModelConfig
    preset: Preset
    noise: Noise | None = None
    baselines: bool | Sequence[str] = True
    resamples: int = 1000
    about: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        model: str | ModelConfig,
        labels: Iterable[str],
        *,
        preset: str | Path | Preset | None,
        seed: int,
        settings: Mapping[str, Any],
        **others: Any,
    ) -> ExperimentSettings:
        """Puts settings together; the image size and the precision are as given until `resolved`.

        Args:
            model: a name of `braintumor_tf.models.MODELS`, or a configuration.
            labels: of the images; their classes are those of a model that names none.
            preset: as `run_experiment` takes it.
            seed: takes the place of the configuration's own.
            settings: fields of `ModelConfig`, and of the preset or its stages.
            others: the other attributes.

        Raises:
            ModelError: the model is not known, or one of its settings is out of range, or images of that size cannot
                fit into memory.
            CropError: there is no such crop.
            TrainingError: a setting or the preset is not known, a value is out of range, or there is one label alone.
        """
        labels = set(labels)
        if len(labels) == 1:
            raise TrainingError(f"all images are of one class, {min(labels)}: nothing can be learned; give two or more")
        of_model, of_training = split_settings(settings)
        config = replace(ModelConfig.of(model, **of_model), seed=seed)
        resolved, spec = resolve_config(config, labels=labels), get_spec(config.model)
        chosen = resolve_preset(preset or spec.preset_for(config.weights), **of_training)
        check_memory(spec, resolved.image_size, batch_size=chosen.batch_size)
        return cls(model=replace(config, classes=resolved.classes), preset=chosen, **others)

    def resolved(self) -> ExperimentSettings:
        """Returns the settings of a single training, with nothing left open: image size and precision are those used.

        Raises:
            TrainingError: this machine has no such precision.
        """
        from braintumor_tf.training import resolve_precision  # imports Keras

        preset = replace(self.preset, precision=resolve_precision(self.preset.precision))
        return replace(self, model=resolve_config(self.model), preset=preset)

    def to_dict(self) -> dict[str, Any]:
        """Returns the settings as they stand in ``config.json``."""
        return {
            **self.about,
            **asdict(self.model),
            "training": self.preset.to_dict(),
            "noise": None if self.noise is None else describe(self.noise),
            "baselines": self.baselines,
            "resamples": self.resamples,
        }


def arguments_from(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the arguments of `run_experiment` and `run_folds` that a ``config.json`` holds, but for the baselines.

    A setting of a model that the configuration lacks, because it is newer than the run, is left at its default.

    Args:
        config: of a single run, or of a k-fold run as a whole.

    Raises:
        DamagedRun: the preset or the noise is none of this version.
    """
    known = {name: config[name] for name in ModelConfig.names() if name in config}
    try:
        preset = Preset.from_dict(config["training"])
        noise = None if config["noise"] is None else from_description(config["noise"])
    except (NoiseError, TypeError, ValueError) as error:
        raise DamagedRun(
            getattr(config, "file", "config.json"), f"its settings are of no training ({error})"
        ) from error
    return {
        "model": ModelConfig(**known),
        "preset": preset,
        "noise": noise,
        "seed": config["seed"],
        "resamples": config["resamples"],
        "config": config,  # whole: what the experiment settles itself replaces the entry of the same name
    }


def holds_functions(config: Mapping[str, Any]) -> bool:
    """Whether an experiment was started with a function in its augmentation, which ``config.json`` cannot hold."""
    return any(str(value).startswith("<") for value in config["training"]["augmentation"].values())
