"""Callbacks that leave something usable on disk after every epoch."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from braintumor_tf.errors import TrainingError
from braintumor_tf.files import atomic_path
from braintumor_tf.runs import Run, keeping_hash
from braintumor_tf.training.devices.tensorflow_mirrored import synchronised
from braintumor_tf.training.presets import rank


def save_network(model: keras.Model, path: str | Path) -> None:
    """Writes a model to a ``.keras`` file atomically, without its optimizer, which would treble the file."""
    with atomic_path(path) as temporary, synchronised(model, wanted=False):
        keras.Model(model.input, model.output, name=model.name).save(temporary)


class HistoryWriter(keras.callbacks.Callback):
    """Collects one row an epoch and, where there is a run, rewrites its ``history.csv`` after each.

    Columns: epoch (from 1, counted over all stages), stage, loss, accuracy, macro_f1, the same with ``val_``,
        learning_rate at the epoch's end, seconds.

    Args:
        run: the run to write to, or None.

    Attributes:
        stage: the name of the stage that is running.
        rows: one dictionary an epoch.
    """

    def __init__(self, run: Run | None):
        super().__init__()
        self.run = run
        self.stage = ""
        self.rows: list[dict[str, Any]] = []
        self._started = 0.0

    @property
    def history(self) -> pd.DataFrame:
        """The rows so far."""
        return pd.DataFrame(self.rows)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Starts the clock."""
        self._started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Adds the epoch's row."""
        scores = {name: float(value) for name, value in (logs or {}).items()}
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        seconds = round(time.perf_counter() - self._started, 3)
        self.rows.append({"epoch": epoch + 1, "stage": self.stage, **scores, "learning_rate": rate, "seconds": seconds})
        if self.run is not None:
            self.run.write_history(self.history)


class KeepBest(keras.callbacks.Callback):
    """Keeps the weights of the best epoch, in memory and as the run's ``model.keras``, and ends a stage early.

    Equal scores are told apart by the lower validation loss.

    Args:
        network: the whole network; what Keras trains may be its head alone.
        monitor: one of `MONITORS`.
        patience: epochs without a better one after which a stage ends; None for never.
        path: the file to write at each better epoch, with its SHA-256 beside it, or None.

    Attributes:
        best_epoch: counted from 1, or None before the first.
        best_score: the monitored metric there.
        best_rank: what epochs are compared by: the metric and the loss, larger is better.
        best_weights: the network's weights there; empty before the first.
        first_epoch: epochs before the stage that is running; patience starts there.
    """

    def __init__(self, network: keras.Model, *, monitor: str, patience: int | None, path: Path | None):
        super().__init__()
        self.network = network
        self.monitor = monitor
        self.patience = patience
        self.path = path
        self.best_epoch: int | None = None
        self.best_score: float | None = None
        self.best_rank = (-np.inf, -np.inf)
        self.first_epoch = 0
        self.best_weights: list[np.ndarray] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keeps the epoch if it is the best so far, and ends the stage where no epoch was better for long."""
        logs = logs or {}
        if not np.isfinite([logs["loss"], logs["val_loss"]]).all():
            raise TrainingError(f"the loss of epoch {epoch + 1} is not finite; lower learning_rate or clip_norm")
        score = float(logs[self.monitor])
        found = (rank(self.monitor, score), -float(logs["val_loss"]))
        if found > self.best_rank:
            self.best_rank, self.best_epoch, self.best_score = found, epoch + 1, score
            self.best_weights = self.network.get_weights()
            if self.path is not None:
                with keeping_hash(self.path) as temporary:
                    save_network(self.network, temporary)
        elif self.patience is not None and epoch + 1 - max(self.best_epoch, self.first_epoch) >= self.patience:
            self.model.stop_training = True

    def restore(self) -> None:
        """Gives the network the weights of the best epoch, if there was one."""
        if self.best_weights:
            _ = self.model  # after an interruption on JAX, layers have no weights until the model is asked for
            self.network.set_weights(self.best_weights)


class PinEpoch(keras.callbacks.Callback):
    """Tells the batches which epoch begins, so that a resumed training draws what an uninterrupted one would.

    Args:
        batches: an iterator of `braintumor_tf.augment`.
    """

    def __init__(self, batches: Any):
        super().__init__()
        self.batches = batches

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Sets the epoch, before the first batch is asked for."""
        self.batches.epoch = epoch


class EpochProgress(keras.callbacks.Callback):
    """A bar over all steps on standard error that names the last epoch's scores; it appears after two seconds.

    Args:
        epochs: epochs at most.
        steps: steps an epoch.
        monitor: the validation metric that is shown.
        show: whether to show it.
        done: epochs that were finished before.
    """

    def __init__(self, *, epochs: int, steps: int, monitor: str, show: bool = True, done: int = 0):
        super().__init__()
        self.epochs = epochs
        self.monitor = monitor
        self._bar = tqdm(
            desc="Training",
            total=epochs * steps,
            initial=done * steps,
            unit="step",
            delay=2.0,
            disable=not show,
            leave=False,
        )

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Moves on by a step."""
        self._bar.update(1)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Names the epoch and its score."""
        score = (logs or {}).get(self.monitor, float("nan"))
        self._bar.set_postfix_str(f"epoch {epoch + 1}/{self.epochs}, {self.monitor} {score:.3f}")

    def close(self) -> None:
        """Takes the bar away."""
        self._bar.close()
