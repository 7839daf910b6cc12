"""A run: the directory that holds everything about one experiment."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from braintumor_tf.datasets.manifest import write_manifest
from braintumor_tf.errors import RunError
from braintumor_tf.files import atomic_path, remove_leftovers, write_csv, write_json
from braintumor_tf.runs.provenance import data_fingerprint, environment
from braintumor_tf.runs.readers import read_fields, read_history, read_images, read_predictions
from braintumor_tf.types import changed_settings

BEGINNING = ("config.json", "manifest.csv")
"""What a run begins with."""

PREDICTIONS, ROBUSTNESS_PREDICTIONS = "predictions.csv", "robustness_predictions.csv.gz"

LADDER, LADDER_SETTINGS = "ladder.json", "ladder_settings.json"
"""What a leak ladder found, also in the run of its rung ``patient``; and what it was started with."""


IMPORTED = "imported"
"""What a run whose model was trained elsewhere says in its configuration, also as its protocol."""

AFTER_IMPORT = ("manifest.csv", "predictions.csv", "metrics.json")
"""Files that such a run has only where it was given images."""

IMPORT_WITH_IMAGES = "import it once more with --dataset, or score it with evaluate RUN --dataset"


def is_imported(config: Mapping[str, Any]) -> bool:
    """Whether the configuration of a run says that its model was trained elsewhere, on what is not known.

    Example:
        >>> is_imported({"model": "CNN", "protocol": "grouped"})
        False
    """
    return bool(config.get(IMPORTED))


class Run:
    """A run directory, read and written file by file, each file atomically.

    Files: ``config.json``, ``manifest.csv``, ``history.csv``, ``model.keras`` (or the baseline's own format) and its
    hash ``model.sha256``, ``predictions.csv``, ``calibration.json``, ``metrics.json``, ``figures/*.png``,
    ``report.html``, ``MODEL_CARD.md``; after `evaluation.score_robustness` also ``robustness.json`` and
    ``robustness_predictions.csv.gz``. ``metrics.json`` is written last of what is scored, so a run that has one is
    finished; until then ``checkpoint/`` holds what an interrupted training needs to go on.

    Args:
        path: the directory; `create` makes it; `of` opens one that exists.

    Example:
        >>> Run.of("models/cnn").metrics["macro_f1"]  # doctest: +SKIP
        {'value': 0.89, 'low': 0.83, 'high': 0.94}
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)

    @classmethod
    def create(cls, path: str | Path, config: Mapping[str, Any], manifest: pd.DataFrame) -> Run:
        """Starts a run: makes the directory, and writes its configuration and its split manifest.

        Args:
            path: the directory, made with its parents.
            config: every setting and seed; the environment and the fingerprint of the data are added.
            manifest: the table of images with its splits.

        Raises:
            RunError: the directory already holds a run, finished or not, or a leak ladder.
        """
        run = cls(path)
        run.refuse_if_taken()
        write_json(
            run.path / "config.json",
            {**config, "data_fingerprint": data_fingerprint(manifest), "environment": environment()},
        )
        write_manifest(run.path / "manifest.csv", manifest)
        return run

    @classmethod
    def resume(cls, path: str | Path, config: Mapping[str, Any], manifest: pd.DataFrame) -> Run:
        """Opens an interrupted or finished run with the same settings and images, or creates it if there is none.

        Files that a killed process left half-written are removed.

        Raises:
            RunError: the run was started with other settings or images; the text names which.
        """
        if not cls(path).begun:
            return cls.create(path, config, manifest)
        run = cls.of(path)
        wanted = {**config, "data_fingerprint": data_fingerprint(manifest)}
        if changed := changed_settings(wanted, run.config):
            raise RunError(
                f"{path}: was started with another {', '.join(changed)}; resume with the same, or choose another name"
            )
        remove_leftovers(run.path)
        return run

    @classmethod
    def of(cls, run: Run | str | Path) -> Run:
        """Returns a run as it is, or opens the one in a directory.

        Raises:
            RunError: there is no ``config.json`` at that path.

        Example:
            >>> Run.of("no/such/run")  # doctest: +ELLIPSIS
            Traceback (most recent call last):
            braintumor_tf.errors.RunError: no/such/run: not a run directory (it has no config.json); give the ...
        """
        if isinstance(run, Run):
            return run
        if not (Path(run) / "config.json").is_file():
            raise RunError(f"{run}: not a run directory (it has no config.json); give the directory that train made")
        return cls(run)

    @classmethod
    def of_path(cls, model: Any) -> Any:
        """Returns the run in a directory where a path is given, and whatever else is given as it is."""
        return cls.of(model) if isinstance(model, (str, Path)) else model

    @property
    def name(self) -> str:
        """The directory's name."""
        return self.path.name

    @property
    def finished(self) -> bool:
        """Whether the run has been scored."""
        return (self.path / "metrics.json").is_file()

    @property
    def begun(self) -> bool:
        """Whether everything is there that training, or going on with it, starts from."""
        return all((self.path / name).is_file() for name in BEGINNING)

    def refuse_if_taken(self) -> None:
        """Raises RunError if a run, finished or not, or a leak ladder would be overwritten here."""
        if self.finished:
            raise RunError(f"{self.path}: holds a finished run already; choose another name or remove it")
        if (self.path / LADDER_SETTINGS).exists():
            raise RunError(f"{self.path}: holds a leak ladder; choose another name")
        if self.begun:
            raise RunError(f"{self.path}: holds a run that is not finished; {self._way_on}, or choose another name")

    @property
    def imported(self) -> bool:
        """Whether its model was trained elsewhere (`experiments.import_model`), on what is not known."""
        return is_imported(self.config)

    def refuse_unfinished(self) -> None:
        """Raises RunError if the run has not been scored: its model is not the one that training would end with.

        A model that was imported is whole from the start.
        """
        if not (self.finished or self.imported):
            raise RunError(f"{self.path}: is not finished; {self._way_on}")

    @property
    def _way_on(self) -> str:
        """What to do with a run that is not finished, whose ``config.json`` is there."""
        config = self.config
        if is_imported(config):
            return f"give its model images: {IMPORT_WITH_IMAGES}"
        if "members" in config:
            return "remove it and make the ensemble anew"
        whole = self.path.parent if "fold" in config else self.path
        return f"finish it with train --resume {whole}"

    @property
    def figures(self) -> Path:
        """The folder of its figures, made if need be."""
        folder = self.path / "figures"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def checkpoint(self) -> Path:
        """The folder of what an interrupted training needs to go on; a finished run has none."""
        return self.path / "checkpoint"

    def remove_checkpoint(self) -> None:
        """Removes `checkpoint`, if it is there."""
        shutil.rmtree(self.checkpoint, ignore_errors=True)

    def file(self, name: str) -> Path:
        """The path of one of its files.

        Raises:
            RunError: it has not been written yet.
        """
        path = self.path / name
        if not path.is_file():
            if name in AFTER_IMPORT and self.imported:
                raise RunError(f"{self.path}: was imported without images and has no {name}; {IMPORT_WITH_IMAGES}")
            raise RunError(f"{self.path}: has no {name}; the run did not get that far, run it again")
        return path

    @property
    def config(self) -> dict[str, Any]:
        """Every setting, the environment and the fingerprint of the data."""
        found = read_fields(self.file("config.json"))
        found.setdefault("crop", None)  # runs were made before there was a crop
        return found

    @property
    def manifest(self) -> pd.DataFrame:
        """The table of images with the splits that were used."""
        return read_images(self.file("manifest.csv"))

    @property
    def history(self) -> pd.DataFrame | None:
        """One row an epoch, or None for a model that is not trained in epochs."""
        path = self.path / "history.csv"
        return read_history(path) if path.is_file() else None

    @property
    def predictions(self) -> pd.DataFrame:
        """One row a scored image: path, label, split, group, predicted and a probability for each class."""
        return read_predictions(self.file(PREDICTIONS))

    @property
    def metrics(self) -> dict[str, Any]:
        """The scores, each with its interval."""
        return read_fields(self.file("metrics.json"))

    @property
    def explanations(self) -> dict[str, Any] | None:
        """What `explanation.check_explanations` found, or None where it has not been asked."""
        return self._optional("explanations.json")

    @property
    def calibration(self) -> dict[str, Any] | None:
        """What `evaluation.calibrate_run` found, or None where there is nothing to calibrate on or it was not asked."""
        return self._optional("calibration.json")

    @property
    def robustness(self) -> dict[str, Any] | None:
        """What `evaluation.score_robustness` found, or None where it has not been asked."""
        return self._optional("robustness.json")

    @property
    def ladder(self) -> dict[str, Any] | None:
        """What `experiments.run_ladder` found, for the run of its rung ``patient``; None for another run."""
        return self._optional(LADDER)

    @property
    def robustness_predictions(self) -> pd.DataFrame:
        """One row a scored image, noise and severity; the columns of `predictions`, and `noise` and `severity`."""
        return read_predictions(self.file(ROBUSTNESS_PREDICTIONS), needed=("noise", "severity"))

    def _optional(self, name: str) -> dict[str, Any] | None:
        path = self.path / name
        return read_fields(path) if path.is_file() else None

    def write_history(self, history: pd.DataFrame) -> None:
        """Writes ``history.csv``."""
        write_csv(self.path / "history.csv", history)

    def write_predictions(self, predictions: pd.DataFrame) -> None:
        """Writes ``predictions.csv``."""
        write_csv(self.path / PREDICTIONS, predictions)

    def write_explanations(self, found: Mapping[str, Any]) -> None:
        """Writes ``explanations.json``."""
        write_json(self.path / "explanations.json", dict(found))

    def write_calibration(self, found: Mapping[str, Any]) -> None:
        """Writes ``calibration.json``."""
        write_json(self.path / "calibration.json", dict(found))

    def write_robustness(self, found: Mapping[str, Any], predictions: pd.DataFrame) -> None:
        """Writes ``robustness_predictions.csv.gz`` and ``robustness.json``, which says that both are there.

        Both are whole before those that stood there go, so that a full disk costs nothing that was found before.
        """
        path = self.path / "robustness.json"
        with atomic_path(path) as record, atomic_path(self.path / ROBUSTNESS_PREDICTIONS) as table:
            write_csv(table, predictions)
            write_json(record, dict(found))
            path.unlink(missing_ok=True)

    def write_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Writes ``metrics.json``, which marks the run as finished, and removes the checkpoint."""
        write_json(self.path / "metrics.json", dict(metrics))
        self.remove_checkpoint()
