"""All that this package takes from Keras's private modules, in one place.

Keras 3 keeps `ImageDataGenerator` and its iterators as legacy code that it exports nowhere in public. TensorFlow's
``tensorflow.keras`` does, but this package also runs on Keras's other backends.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from keras.src.legacy.preprocessing.image import DataFrameIterator as KerasDataFrameIterator
from keras.src.legacy.preprocessing.image import DirectoryIterator as KerasDirectoryIterator
from keras.src.legacy.preprocessing.image import ImageDataGenerator as KerasImageDataGenerator
from keras.src.legacy.preprocessing.image import NumpyArrayIterator as KerasNumpyArrayIterator
from keras.src.utils.image_utils import PIL_INTERPOLATION_METHODS

__all__ = [
    "PIL_INTERPOLATION_METHODS",
    "KerasDataFrameIterator",
    "KerasDirectoryIterator",
    "KerasImageDataGenerator",
    "KerasNumpyArrayIterator",
    "arguments_of",
]

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def arguments_of(
    original: Callable[Arguments, Any],
) -> Callable[[Callable[..., Result]], Callable[Arguments, Result]]:
    """Gives a method the signature of Keras's: the same names, places and defaults, whatever Keras's version.

    Args:
        original: the method of Keras's class.

    Returns:
        A decorator. The method that it decorates gets every argument by name, and those that were left out with
        Keras's default.
    """
    signature = inspect.signature(original)

    def decorate(method: Callable[..., Result]) -> Callable[Arguments, Result]:
        @functools.wraps(method)
        def call(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            arguments = dict(bound.arguments)
            more = arguments.pop("kwargs", {})
            return method(arguments.pop("self"), **arguments, **more)

        call.__signature__ = signature
        return call

    return decorate
