"""In which precision a network computes: half where an accelerator gains by it, float32 elsewhere."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import keras

from braintumor_tf.errors import TrainingError
from braintumor_tf.training.presets import AUTO, PRECISIONS

_TENSOR_CORES = 7.0
"""Compute capability from which NVIDIA's GPUs multiply float16 matrices several times as fast as float32 ones."""


def resolve_precision(precision: str = AUTO) -> str:
    """Returns the name of the Keras dtype policy that a precision means on this machine.

    ``"auto"`` is ``mixed_float16`` on GPUs with tensor cores (compute capability 7.0 and up) if all have them,
    ``mixed_bfloat16`` on TPUs, and ``float32`` on anything else. Processors do not gain by
    it.

    Args:
        precision: one of `PRECISIONS`.

    Raises:
        TrainingError: it is not one of them.

    Example:
        >>> resolve_precision("mixed_bfloat16")
        'mixed_bfloat16'
    """
    if precision not in PRECISIONS:
        raise TrainingError(f"precision {precision!r} is not known; choose one of {', '.join(PRECISIONS)}")
    if precision != AUTO:
        return precision
    if keras.backend.backend() == "jax":
        return _policy_on_jax()
    if keras.backend.backend() == "tensorflow":
        return _policy_on_tensorflow()
    return "float32"


@contextlib.contextmanager
def in_precision(precision: str = AUTO) -> Iterator[str]:
    """Opens the block in which a model is built that computes in a precision; Keras's own setting is put back after.

    Weights, the loss and the probabilities are float32 in any case, and with ``mixed_float16`` the loss is scaled
    while training, so that small gradients do not vanish. The model keeps its precision in its file.

    Args:
        precision: one of `PRECISIONS`.

    Yields:
        The name of the Keras dtype policy.

    Raises:
        TrainingError: the precision is not known.

    Example:
        >>> from braintumor_tf.models import build
        >>> with in_precision("mixed_float16"):
        ...     model = build("CNN", seed=0)
        >>> model.dtype_policy.name
        'mixed_float16'
    """
    name = resolve_precision(precision)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield name
    finally:
        keras.config.set_dtype_policy(before)


def check_precision(model: keras.Model, precision: str) -> None:
    """Refuses a model that computes in another precision than is asked for; ``"auto"`` takes it as it was built.

    Raises:
        TrainingError: it does.
    """
    if precision != AUTO and model.dtype_policy.name != precision:
        raise TrainingError(
            f"{model.name} was built in {model.dtype_policy.name}, not in {precision}; "
            f"build it inside `with in_precision({precision!r})`, or leave precision at 'auto'"
        )


def _policy_on_tensorflow() -> str:
    import tensorflow as tf

    if tf.config.list_physical_devices("TPU"):
        return "mixed_bfloat16"
    details = [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.list_physical_devices("GPU")]
    return _policy_of_gpus([float("{}.{}".format(*each.get("compute_capability", (0, 0)))) for each in details])


def _policy_on_jax() -> str:
    import jax

    devices = jax.local_devices()
    if devices[0].platform == "tpu":
        return "mixed_bfloat16"
    gpus = [device for device in devices if device.platform in ("gpu", "cuda")]
    return _policy_of_gpus([float(getattr(gpu, "compute_capability", 0) or 0) for gpu in gpus])


def _policy_of_gpus(capabilities: list[float]) -> str:
    return "mixed_float16" if capabilities and min(capabilities) >= _TENSOR_CORES else "float32"
