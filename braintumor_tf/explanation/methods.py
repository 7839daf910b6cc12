"""The table of explanation methods: what each does, which models it fits, what can be set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pkgutil import resolve_name
from types import MappingProxyType

import numpy as np

from braintumor_tf.errors import ExplanationError
from braintumor_tf.explanation.model_kinds import ATTENTION, CONVOLUTION, KINDS, OTHER


@dataclass(frozen=True)
class Method:
    """One row of the table of methods.

    Attributes:
        name: what `explain` and the command line call it.
        description: what it shows, and its source.
        function: the function that computes it, as ``"module:function"``, imported when it is needed. It is called with
            ``(subject, images, targets, **settings)`` and returns one map an image. The settings are its `options`,
            `layer` where `uses_layer`, and `batch_size` where `one_by_one`.
        kinds: the kinds of models that it fits.
        options: names of the keyword arguments that it takes beside those of `explain`.
        uses_layer: whether it looks at one layer, which can be chosen.
        uses_target: whether its map depends on the class asked about.
        one_by_one: whether it asks about each image many times, so that images are worked on one after the other.
    """

    name: str
    description: str
    function: str
    kinds: tuple[str, ...] = KINDS
    options: tuple[str, ...] = ()
    uses_layer: bool = False
    uses_target: bool = True
    one_by_one: bool = False

    def load(self) -> Callable[..., list[np.ndarray]]:
        """Imports and returns the function that computes it."""
        return resolve_name(self.function)


_ROWS = (
    Method(
        name="grad_cam",
        description="where the feature map raises the score of the class (Grad-CAM, Selvaraju et al., 2017)",
        function="braintumor_tf.explanation.maps.class_activation:grad_cam",
        kinds=(CONVOLUTION,),
        uses_layer=True,
    ),
    Method(
        name="grad_cam_plus_plus",
        description="as grad_cam, weighing each place of the map apart (Grad-CAM++, Chattopadhay et al., 2018)",
        function="braintumor_tf.explanation.maps.class_activation:grad_cam_plus_plus",
        kinds=(CONVOLUTION,),
        uses_layer=True,
    ),
    Method(
        name="attention_rollout",
        description="how much of each patch reaches the class token through all blocks (Abnar and Zuidema, 2020)",
        function="braintumor_tf.explanation.maps.attention:attention_rollout",
        kinds=(ATTENTION,),
        options=("head_fusion", "discard_ratio"),
        uses_target=False,
    ),
    Method(
        name="occlusion",
        description="how much the probability of the class drops when a patch is covered (Zeiler and Fergus, 2014)",
        function="braintumor_tf.explanation.maps.covered_patches:occlusion",
        options=("patch", "stride", "fill"),
        one_by_one=True,
    ),
    Method(
        name="random",
        description="smooth noise that does not depend on the model: what any method has to beat",
        function="braintumor_tf.explanation.maps.reference:random_maps",
        options=("seed", "grid"),
        uses_target=False,
    ),
)

METHODS: Mapping[str, Method] = MappingProxyType({method.name: method for method in _ROWS})
"""Every method by name; a new method is a new row."""

DEFAULT_METHODS: Mapping[str, str] = MappingProxyType(
    {CONVOLUTION: "grad_cam", ATTENTION: "attention_rollout", OTHER: "occlusion"}
)
"""The method that each kind of model is explained by unless another is asked for."""


def methods_for(kind: str) -> list[str]:
    """Returns the names of the methods that fit a kind of model, one of `KINDS`.

    Example:
        >>> methods_for("attention")
        ['attention_rollout', 'occlusion', 'random']
    """
    return [name for name, method in METHODS.items() if kind in method.kinds]


def choose_method(
    name: str | None, kind: str, model_name: str, *, layer: str | None = None, options: Sequence[str] = ()
) -> Method:
    """Returns the row of a method, or of the kind's own for None.

    Args:
        name: a name of `METHODS`, or None.
        kind: one of `KINDS`.
        model_name: the model's name, for errors.
        layer: the layer asked for, or None.
        options: names of the further options asked for.

    Raises:
        ExplanationError: the method is unknown or does not fit, or has no such option; the text lists the valid ones.

    Example:
        >>> choose_method(None, "other", "PCA").name
        'occlusion'
    """
    name = DEFAULT_METHODS[kind] if name is None else name
    if name not in METHODS:
        raise ExplanationError(f"{name!r} is no method; for {model_name} choose one of {', '.join(methods_for(kind))}")
    method = METHODS[name]
    if kind not in method.kinds:
        raise ExplanationError(
            f"{name} does not fit {model_name}, a model of kind {kind!r}; choose one of {', '.join(methods_for(kind))}"
        )
    if layer is not None and not method.uses_layer:
        having = [row.name for row in METHODS.values() if row.uses_layer]
        raise ExplanationError(f"{name} looks at no single layer, so layer {layer!r} has no effect; leave it out, "
                               f"or choose one of {', '.join(having)}")  # fmt: skip
    unknown = [option for option in options if option not in method.options]
    if unknown:
        raise ExplanationError(
            f"{name} has no option {', '.join(unknown)}; it has {', '.join(method.options) or 'no options'}"
        )
    return method
