"""What a model file may be and name: layers of Keras and of this package, and nothing that runs code."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from braintumor_tf.errors import ModelError

SUFFIXES = (".keras", ".h5", ".hdf5")
"""How the file of a model may end."""

_CODE = ("Lambda", "__lambda__", "TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer")
"""Classes that hold code, or load it from elsewhere."""

_MODULES = re.compile(
    r"(builtins|keras|keras\.(src\.)?(activations|backend|constraints|dtype_policies|engine|initializers|layers|losses|"
    r"metrics|mixed_precision|models|ops|optimizers|quantizers|random|regularizers)(\..+)?|braintumor_tf(\..+)?)$"
)
"""Modules whose classes and functions a model may be made of."""

_NOT_READ = ("compile_config", "build_config")


def check_file(path: str | Path) -> Path:
    """Returns the path of a model file that is there and has a suffix of `SUFFIXES`.

    Raises:
        ModelError: it is none.
    """
    path = Path(path)
    if path.is_dir():
        raise ModelError(f"{path}: is a folder (a SavedModel?); save the model as one file, model.save('model.keras')")
    if path.suffix.lower() not in SUFFIXES:
        raise ModelError(f"{path}: not a model file of Keras; give one that ends in {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise ModelError(f"{path}: no such file")
    return path


def refuse_code(config: Mapping[str, Any], path: str | Path) -> None:
    """Refuses the description of a model that holds code, or classes of other packages than Keras and this one.

    Raises:
        ModelError: it does; the text names the layer.
    """
    for part in _parts(config):
        kind, module = part.get("class_name"), part.get("module")
        where = part.get("config") if isinstance(part.get("config"), Mapping) else {}
        name = part.get("name") or where.get("name") or kind
        if kind in _CODE:
            raise ModelError(
                f"{path}: layer {name!r} is a {kind}, which holds code, and code of a file is never run; put a layer "
                "of Keras in its place (Rescaling, ...), or load the model in Python and give it to "
                "braintumor_tf.wrap_model"
            )
        if (module and not _MODULES.match(str(module))) or (">" in str(part.get("registered_name")) and module is None):
            raise ModelError(
                f"{path}: layer {name!r} is of the class {module or part['registered_name']}.{kind}, and no module "
                "that a file names is imported; load the model in Python (custom_objects) and give it to "
                "braintumor_tf.wrap_model"
            )


def _parts(found: Any) -> Iterator[Mapping[str, Any]]:
    """Yields every object that a description names, but for what is read only to train on."""
    if isinstance(found, Mapping):
        if "class_name" in found:
            yield found
        for name, value in found.items():
            if name not in _NOT_READ:
                yield from _parts(value)
    elif isinstance(found, (list, tuple)):
        for value in found:
            yield from _parts(value)
