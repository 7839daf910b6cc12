"""What an interrupted training needs to go on: written after every epoch, read once."""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import keras
import numpy as np

from braintumor_tf.errors import TrainingError
from braintumor_tf.files import atomic_path, comparable_json
from braintumor_tf.models.network import load_network
from braintumor_tf.runs import Run, check_model
from braintumor_tf.training.callbacks import HistoryWriter, KeepBest
from braintumor_tf.training.presets import Stage

FILE = "state.npz"


@dataclass
class Position:
    """Where a training goes on.

    Attributes:
        stage: index of the stage.
        first_epoch: epochs that were finished before that stage.
        epoch: epochs that are finished.
    """

    stage: int = 0
    first_epoch: int = 0
    epoch: int = 0


class Checkpoint(keras.callbacks.Callback):
    """Writes ``checkpoint/state.npz`` into the run after every epoch: weights, optimizer, dropout's generators, scores.

    The file holds arrays and JSON, no pickles, and replaces the one before in one move, so that a process that is
    killed at any moment leaves a whole one. It must be called after `history` and `best`. Where a stage is over, the
    file says that the next one comes, and holds the weights that it starts from.

    Args:
        run: the run, or None to write nothing.
        settings: what must be the same when training goes on.
        history: the history so far.
        best: the best epoch so far and the network; its weights are in the run's ``model.keras``.
        beside: variables that are trained beside the network and belong to all stages.
        writes: whether this process is the one that writes.

    Attributes:
        position: where training is.
        last_epoch: the number of epochs after which the running stage is over, if it does not end early.
    """

    def __init__(
        self,
        run: Run | None,
        *,
        settings: Mapping[str, Any],
        history: HistoryWriter,
        best: KeepBest,
        beside: Sequence[Any] = (),
        writes: bool = True,
    ):
        super().__init__()
        self.run = run
        self.writes = writes
        self.settings = json.loads(comparable_json(dict(settings)))
        self.history = history
        self.best = best
        self.beside = beside
        self.position = Position()
        self.last_epoch = 0

    def begin_stage(self, stage: Stage) -> None:
        """Tells the history and the best epoch which stage runs now, and notes when it is over."""
        self.history.stage, self.best.first_epoch = stage.name, self.position.first_epoch
        self.last_epoch = self.position.first_epoch + stage.epochs

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Writes the state after an epoch."""
        self.position.epoch = epoch + 1
        over = self.model.stop_training or epoch + 1 >= self.last_epoch
        if over:
            self.position = Position(self.position.stage + 1, epoch + 1, epoch + 1)
        if self.run is None or not self.writes:
            return
        arrays = {
            "weight": self.best.best_weights if over else self.best.network.get_weights(),
            "generator": [_array(state) for state in _generator_states(self.best.network)],
            "beside": [_array(variable) for variable in self.beside],
            "optimizer": [] if over else [_array(variable) for variable in self.model.optimizer.variables],
        }
        best = {"epoch": self.best.best_epoch, "score": self.best.best_score, "rank": list(self.best.best_rank)}
        about = {"settings": self.settings, "position": asdict(self.position), "rows": self.history.rows, "best": best}
        with atomic_path(self.run.checkpoint / FILE) as temporary:
            np.savez(
                temporary,
                about=np.array(json.dumps(about)),
                **{f"{kind}_{index}": value for kind, values in arrays.items() for index, value in enumerate(values)},
            )

    def digest(self) -> str:
        """Returns the SHA-256 of the file, empty where there is none."""
        path = None if self.run is None else self.run.checkpoint / FILE
        return hashlib.sha256(path.read_bytes()).hexdigest() if path and path.is_file() else ""

    def restore(self, model: keras.Model) -> list[np.ndarray]:
        """Brings model, history and best epoch to where the checkpoint left them, if there is one.

        Returns:
            The state of the optimizer of the stage in `position`; empty where that stage has not begun.

        Raises:
            ModelError: ``model.keras`` is another one than this training wrote.
            TrainingError: the checkpoint is damaged, or was left by a training with other settings.
        """
        if self.run is None or not (self.run.checkpoint / FILE).is_file():
            return []
        path = self.run.checkpoint / FILE
        try:
            with np.load(path, allow_pickle=False) as content:
                about = json.loads(str(content["about"]))
                kinds = ("weight", "generator", "beside", "optimizer")
                weights, states, beside, optimizer = (_numbered(content, kind) for kind in kinds)
                position, rows, best = Position(**about["position"]), list(about["rows"]), dict(about["best"])
                settings, score, rank = dict(about["settings"]), (best["epoch"], best["score"]), tuple(best["rank"])
        except (OSError, ValueError, KeyError, TypeError, EOFError, zlib.error, zipfile.BadZipFile) as error:
            raise TrainingError(f"{path}: damaged ({error}); remove it to train from the start") from error
        self._compare(settings, [array.shape for array in weights], model)
        model.set_weights(weights)
        for variable, value in zip(_generator_states(model), states, strict=True):
            variable.assign(value)
        for variable, value in zip(self.beside, beside, strict=True):
            variable.assign(value)
        self.position, self.history.rows = position, rows
        (self.best.best_epoch, self.best.best_score), self.best.best_rank = score, rank
        file = self.run.file("model.keras")
        check_model(file)
        self.best.best_weights = load_network(file).get_weights()
        return optimizer

    def _compare(self, settings: Mapping[str, Any], shapes: list[tuple[int, ...]], model: keras.Model) -> None:
        changed = sorted(key for key in {*settings, *self.settings} if settings.get(key) != self.settings.get(key))
        if [weight.shape for weight in model.weights] != shapes:
            changed.append("the model")
        if changed:
            raise TrainingError(
                f"{self.run.path}: was trained so far with another {', '.join(changed)}; "
                "resume with the same, or train anew in another directory"
            )


def restore_optimizer(model: keras.Model, state: list[np.ndarray]) -> None:
    """Gives the optimizer of a compiled model the state that a checkpoint holds; none leaves it as it is."""
    if state:
        if not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        for variable, value in zip(model.optimizer.variables, state, strict=True):
            variable.assign(value)


def _generator_states(model: keras.Model) -> list[Any]:
    """The states of dropout's random generators, in the order of the layers; they are no weights."""
    weights = {id(weight) for weight in model.weights}
    found = {id(variable): variable for layer in model.layers for variable in layer.variables}
    return [variable for key, variable in found.items() if key not in weights]


def _array(variable: Any) -> np.ndarray:
    return keras.ops.convert_to_numpy(variable)


def _numbered(content: Mapping[str, np.ndarray], kind: str) -> list[np.ndarray]:
    return [content[f"{kind}_{index}"] for index in range(sum(name.startswith(f"{kind}_") for name in content))]
