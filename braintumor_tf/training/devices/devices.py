"""Training on several devices: which ones, whether a model was built for them, and what each process does.

Two engines do the work, both behind Keras's own `fit`: TensorFlow's `MirroredStrategy` for the devices of one host
(`tensorflow_mirrored`), and `keras.distribution` on the JAX backend for the devices of one or of several hosts
(`jax_sharded`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras

from braintumor_tf.errors import TrainingError

ALL_DEVICES = "all"
"""Every accelerator that Keras sees, of all processes; where there is none, every processor device."""


@contextlib.contextmanager
def on_devices(devices: str | Sequence[str] | None = None) -> Iterator[tuple[str, ...]]:
    """Opens the block in which a model is built and fitted on several devices.

    A step still takes ``batch_size`` images; every device computes its part of them, as equal as the number allows,
    and the weights move by the gradient of the whole batch. Loss, metrics, gradient clipping and the statistics of
    batch normalisation are those of the whole batch too, also in the last, smaller one of an epoch. So the training is
    that of one device, but for rounding. Dropout differs on TensorFlow: there all devices use one mask, each for its
    own images.

    Args:
        devices: ``"all"``, a name such as ``"gpu:0"``, several names, or None for the device that Keras takes by
            itself. Where this process is one of several (`join_processes`), only None and ``"all"`` make sense, and
            both mean all devices of all processes.

    Yields:
        The names of the devices; empty where Keras's own choice is left alone.

    Raises:
        TrainingError: a device does not exist, is named twice, is of another type than the first, or belongs to
            another backend than those that can train on several.

    Example:
        >>> with on_devices("all"):  # doctest: +SKIP
        ...     model = build("MobileNetV2-0.35", seed=0)
        ...     training = fit(model, manifest, preset="transfer")
    """
    names = resolve_devices(devices)
    with _scope(names):
        yield names


def resolve_devices(devices: str | Sequence[str] | None) -> tuple[str, ...]:
    """Returns the names that `devices` of `on_devices` means; empty where Keras chooses the one device itself.

    Raises:
        TrainingError: as `on_devices` does.
    """
    by_default = tuple(keras.distribution.list_devices())
    if processes() > 1:
        if devices not in (None, ALL_DEVICES):
            raise TrainingError(f"devices {devices!r}: several processes train on all of their devices; give 'all'")
        return by_default
    if devices is None:
        return ()
    if devices == ALL_DEVICES:
        return by_default if len(by_default) > 1 else ()
    names = (devices,) if isinstance(devices, str) else tuple(devices)
    known = tuple(dict.fromkeys([*by_default, *keras.distribution.list_devices("cpu")]))
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise TrainingError(f"no device {', '.join(unknown) or 'is named'}; there are {', '.join(known)}, or 'all'")
    if len(set(names)) < len(names) or len({name.split(":")[0] for name in names}) > 1:
        raise TrainingError(f"devices {', '.join(names)}: name each once, all of one type")
    return () if names == by_default[:1] else names


def _scope(names: tuple[str, ...]) -> contextlib.AbstractContextManager[Any]:
    if not names:
        return contextlib.nullcontext()
    if len(names) == 1:
        return keras.device(names[0])
    backend = keras.backend.backend()
    if backend == "tensorflow":
        from braintumor_tf.training.devices.tensorflow_mirrored import mirrored_scope

        return mirrored_scope(names)
    if backend == "jax":
        from braintumor_tf.training.devices.jax_sharded import sharded_scope

        return sharded_scope(names)
    raise TrainingError(f"Keras's backend {backend} trains on one device here; set KERAS_BACKEND to tensorflow or jax")


def check_devices(model: keras.Model) -> None:
    """Refuses a model whose weights do not lie on the devices of the open `on_devices` block, if any.

    Raises:
        TrainingError: it was built or loaded outside the block, or is fitted outside the one it was built in.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        from braintumor_tf.training.devices.tensorflow_mirrored import lies_on_replicas as fits
    elif backend == "jax":
        from braintumor_tf.training.devices.jax_sharded import lies_on_mesh as fits
    else:
        return
    if not fits(model):
        raise TrainingError(
            f"{model.name} was built on other devices than it is to be trained on; "
            "call build and fit inside the same `with on_devices(...)`, or give run_experiment devices="
        )


# === Several processes ===


def join_processes(
    job_addresses: str | None = None, *, num_processes: int | None = None, process_id: int | None = None
) -> None:
    """Makes this process one of several that train one model, on one host or on several; JAX backend only.

    Call it once, in every process, before anything is computed, and then the same functions with the same arguments
    everywhere. Process 0 alone writes the run directory. To resume, that directory must lie where every process can
    read it.

    Args:
        job_addresses: ``host:port`` of process 0, or of all processes, with commas between; None for the environment
            variable ``KERAS_DISTRIBUTION_JOB_ADDRESSES``.
        num_processes: how many there are; None for ``KERAS_DISTRIBUTION_NUM_PROCESSES``.
        process_id: which one this is, from 0; None for ``KERAS_DISTRIBUTION_PROCESS_ID``.

    Raises:
        TrainingError: Keras runs on another backend, the numbers do not fit each other, or the processes do not find
            each other.

    Example:
        >>> join_processes("10.0.0.1:1234", num_processes=2, process_id=0)  # doctest: +SKIP
    """
    if keras.backend.backend() != "jax":
        raise TrainingError(
            f"several processes need Keras's JAX backend, not {keras.backend.backend()}; "
            "pip install jax and set KERAS_BACKEND=jax"
        )
    if num_processes is not None and not (process_id is None or 0 <= process_id < num_processes):
        raise TrainingError(f"process_id {process_id} of {num_processes} processes; they count from 0")
    from braintumor_tf.training.devices.jax_sharded import initialize

    try:
        initialize(job_addresses, num_processes, process_id)
    except (ValueError, RuntimeError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise TrainingError(
            f"process {process_id} cannot join {num_processes} at {job_addresses}: {reason}; "
            "start all of them within five minutes, each with its own process_id, before anything is computed"
        ) from error


def processes() -> int:
    """Returns how many processes train together: 1 unless `join_processes` was called."""
    return _jax("process_count", 1)


def is_first_process() -> bool:
    """Whether this process is the one that writes files and shows progress."""
    return _jax("process_index", 0) == 0


def check_agreement(value: Callable[[], str], what: str) -> None:
    """Compares a text between all processes, if there are several, and so waits until all have come here.

    Raises:
        TrainingError: another process has another; the text names `what`.
    """
    if processes() > 1:
        from braintumor_tf.training.devices.jax_sharded import is_same_everywhere

        if not is_same_everywhere(value()):
            raise TrainingError(
                f"the processes have another {what} each; start all with the same arguments and images, "
                "and resume a run from a directory that all can read"
            )


def wait_for_processes() -> None:
    """Returns when all processes have come here; at once where there is one."""
    check_agreement(str, "state")


def part_of_this_process(batches: Any) -> Any:
    """Returns batches of which this process makes only its part and gets the others' from them; one makes them all."""
    if processes() == 1:
        return batches
    from braintumor_tf.training.devices.jax_sharded import ExchangedBatches

    return ExchangedBatches(batches)


def _jax(function: str, otherwise: int) -> int:
    if keras.backend.backend() != "jax":
        return otherwise
    import jax

    return getattr(jax, function)()
