"""Model files from elsewhere: ``.keras`` and ``.h5``, also of Keras 2, read without running anything that they hold."""

from __future__ import annotations

import io
import json
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from braintumor_tf.errors import ModelError
from braintumor_tf.models.layers import LegacyOperation
from braintumor_tf.models.wrapped.keras_2 import OPERATIONS, modernised
from braintumor_tf.models.wrapped.safety import check_file, refuse_code

_CONFIG, _ATTRIBUTE = "config.json", "model_config"
_WEIGHTS, _NAMES, _STATE = "model_weights", "weight_names", "StateVar"


def read_model(path: str | Path) -> keras.Model:
    """Reads a model that was saved whole, by Keras 3 or Keras 2, for prediction.

    No code of the file is run and no module that it names is imported: Keras's safe mode is on, and layers that hold
    code or come from other packages are refused before the file is opened as a model. Settings that Keras 3 does not
    know any more are rewritten in a copy (`keras_2.modernised`); the file is not changed.

    Args:
        path: a ``.keras``, ``.h5`` or ``.hdf5`` file.

    Raises:
        ModelError: the file is missing or damaged, holds weights without a model, code, or layers of other packages.

    Example:
        >>> read_model("xception.h5").output_shape  # doctest: +SKIP
        (None, 4)
    """
    path = check_file(path)
    config = _read_config(path)
    refuse_code(config, path)
    modern = modernised(config)
    with tempfile.TemporaryDirectory() as folder:
        as_it_is = modern == config and not _random_states(path)
        file = path if as_it_is else _rewritten(path, modern, Path(folder))
        try:
            operations = dict.fromkeys(OPERATIONS, LegacyOperation)
            return keras.saving.load_model(file, custom_objects=operations, compile=False, safe_mode=True)
        except ModelError:
            raise
        except Exception as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
            raise ModelError(
                f"{path}: Keras {keras.__version__} cannot load this model ({reason}); load it where it was made, and "
                "save it again as .keras"
            ) from error


def _read_config(path: Path) -> Mapping[str, Any]:
    """Reads how a file describes its model, as JSON."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return json.loads(archive.read(_CONFIG))
        with h5py.File(path, "r") as file:
            found = file.attrs.get(_ATTRIBUTE)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path}: damaged, or no model file of Keras ({error})") from error
    if found is None:
        raise ModelError(
            f"{path}: holds weights without a model; build the network in Python, load_weights into it, and save it "
            "whole (model.save) or give it to braintumor_tf.wrap_model"
        )
    return json.loads(found)


def _random_states(path: Path) -> dict[str, list[str]]:
    """Returns the layers whose random states Keras 2 counted as weights, with the names of their other weights."""
    if zipfile.is_zipfile(path):
        return {}
    found = {}
    with h5py.File(path, "r") as file:
        for layer, group in file.get(_WEIGHTS, {}).items():
            names = [name.decode() if isinstance(name, bytes) else str(name) for name in group.attrs.get(_NAMES, ())]
            if any(_STATE in name for name in names):
                found[layer] = [name for name in names if _STATE not in name]
    return found


def _rewritten(path: Path, config: Mapping[str, Any], folder: Path) -> Path:
    """Writes a copy of a file with another description of its model."""
    copy = folder / f"model{path.suffix.lower()}"
    if not zipfile.is_zipfile(path):
        shutil.copyfile(path, copy)
        with h5py.File(copy, "r+") as file:
            file.attrs[_ATTRIBUTE] = json.dumps(config)
            for layer, names in _random_states(path).items():
                file[_WEIGHTS][layer].attrs[_NAMES] = np.array([name.encode() for name in names])
        return copy
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(copy, "w") as new:
        for entry in old.infolist():
            content = json.dumps(config).encode() if entry.filename == _CONFIG else None
            source = old.open(entry) if content is None else io.BytesIO(content)
            with source, new.open(entry.filename, "w", force_zip64=True) as target:
                shutil.copyfileobj(source, target)
    return copy
