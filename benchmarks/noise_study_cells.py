"""The cells of the noise study: what each of them is, how one is claimed, trained and scored, how a process works."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pandas as pd

from braintumor_tf.augment.noise import Noise, training_noise
from braintumor_tf.errors import BrainTumorError
from braintumor_tf.evaluation import Robustness
from braintumor_tf.evaluation.robustness.corruptions import NOISES
from braintumor_tf.identity import load
from braintumor_tf.leakage import drop_copies, group, split
from braintumor_tf.runs import Run
from braintumor_tf.training.settings import parse_trains

SEEN = ("gaussian", "salt_and_pepper", "speckle")
"""The noises that some conditions train with; the others are seen by none."""

UNSEEN = tuple(name for name in NOISES if name not in SEEN)
CLEAN = "clean"
CONDITIONS: Mapping[str, tuple[str, ...]] = {CLEAN: (), **{name: (name,) for name in SEEN}, "all": SEEN}
KEPT, REMOVED = "kept", "removed"

Manifests = Mapping[tuple[str, str], pd.DataFrame]


@dataclass(frozen=True)
class Cell:
    """One training of the study."""

    protocol: str
    duplicates: str
    epochs: int
    condition: str
    seed: int

    @property
    def name(self) -> str:
        """The name of its run directory."""
        return f"{self.protocol}_{self.duplicates}_{self.epochs}_{self.condition}_{self.seed}"


@dataclass(frozen=True)
class Setting:
    """What all cells share; `out` is the study's directory."""

    folder: str
    model: str
    weights: str
    image_size: int | None
    preset: str | None
    trains: str | None
    precision: str
    severities: tuple[int, ...]
    probability: float
    training_noise_size: int | None
    scored: str
    noise_size: int
    out: Path

    def noise_of(self, condition: str) -> Noise | None:
        """The noise of a condition's training images, as ``braintumor-tf train --noise`` makes it."""
        names = CONDITIONS[condition]
        if not names:
            return None
        return training_noise(names, self.severities, probability=self.probability, size=self.training_noise_size)

    def path_of(self, cell: Cell) -> Path:
        """A cell's run directory."""
        return self.out / "runs" / cell.name

    def is_done(self, cell: Cell) -> bool:
        """Whether a cell is trained and scored."""
        return (self.path_of(cell) / "robustness.json").is_file()


def all_cells(
    protocols: Sequence[str], duplicates: Sequence[str], epochs: Sequence[int], conditions: Sequence[str], seeds: int
) -> list[Cell]:
    """Returns every combination.

    Neighbours differ in what is compiled (the learning rate's schedule is part of it), so that processes that start
    together compile different things, and later cells find them in the cache.
    """
    product = itertools.product(range(seeds), conditions, sorted(epochs, reverse=True), protocols, duplicates)
    return [Cell(protocol, copies, each, condition, seed) for seed, condition, each, protocol, copies in product]


def split_manifests(folder: str, protocols: Sequence[str], duplicates: Sequence[str]) -> dict[tuple[str, str], Any]:
    """Returns the split manifest of each protocol, with duplicates left in or removed.

    The split is that of all files; removing copies then takes files out of its parts and moves none. So the test
    images without copies are among those with copies, and models of both settings can be compared on the same images.
    """
    whole = group(load(folder, show_progress=False).manifest)
    found = {}
    for protocol in protocols:
        kept = split(whole, protocol, seed=0)
        versions = {KEPT: kept, REMOVED: drop_copies(kept)}
        found.update({(protocol, name): versions[name] for name in duplicates})
    return found


def work(cells: Sequence[Cell], manifests: Manifests, setting: Setting) -> None:
    """Takes one unfinished cell after the other that no other process works at, until none is left."""
    _prepare_backend(setting.out)
    for cell in cells:
        with _claimed(setting.out / "claims" / cell.name) as mine:
            if not mine or setting.is_done(cell):
                continue
            started = time.perf_counter()
            try:
                run = train_cell(cell, manifests[cell.protocol, cell.duplicates], setting)
                trained = time.perf_counter()
                found = score_cell(run, setting)
            except BrainTumorError as error:
                click.echo(f"{cell.name}: {error}", err=True)
                continue
            score, ended = found.draws.of("macro_f1", (CLEAN, 0))[0], time.perf_counter()
            click.echo(
                f"{cell.name}: clean macro-F1 {score:.3f}; "
                f"{trained - started:.0f} s to train, {ended - trained:.0f} s under noise"
            )


def train_cell(cell: Cell, manifest: pd.DataFrame, setting: Setting) -> Run:
    """Trains a cell into its run directory, or goes on where it was interrupted."""
    import braintumor_tf as bt

    return bt.run_experiment(
        manifest,
        setting.model,
        out=setting.path_of(cell),
        image_size=setting.image_size,
        weights=setting.weights,
        preset=setting.preset,
        precision=setting.precision,
        trains=parse_trains(setting.trains),
        epochs=cell.epochs,
        noise=setting.noise_of(cell.condition),
        baselines=False,
        seed=cell.seed,
        config={"dataset": setting.folder, "protocol": cell.protocol, "duplicates": cell.duplicates},
        show_progress=False,
        resume=True,
    )


def score_cell(run: Run, setting: Setting) -> Robustness:
    """Scores a run clean and under every noise at every severity, and keeps what was found in the run."""
    from braintumor_tf.evaluation.robustness import robustness

    manifest = run.manifest
    rows = manifest[manifest["split"] == setting.scored]
    found = robustness(run, rows, size=setting.noise_size, show_progress=False)
    run.write_robustness(found.to_dict(), found.predictions)
    return found


def _prepare_backend(out: Path) -> None:
    """Shares the accelerator's memory and what JAX compiles among processes; must come before Keras is imported."""
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str((out / "compiled").resolve()))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.3")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@contextlib.contextmanager
def _claimed(path: Path) -> Iterator[bool]:
    """Tells whether this process may work at what `path` stands for; the system frees the claim when it ends or dies.

    The lock file stays: removing it would let two processes hold locks on two files of one name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
