"""Random grey curves: the same head as another sequence or scanner might show it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import cv2
import numpy as np
from scipy.interpolate import PchipInterpolator

from braintumor_tf.augment.noise.base import Noise, Record
from braintumor_tf.errors import NoiseError

_STEPS = 1024


@dataclass(frozen=True)
class GreyCurve(Noise):
    """Maps grey levels by a random smooth curve, so that neither sequence nor scanner can be told from them.

    The curve goes from black to black, since air is black in every sequence, and through random levels at evenly
    spaced knots, so that tissues may change places; it is then mixed with the identity.

    Source: Billot et al., "SynthSeg", Medical Image Analysis 86 (2023): random contrasts make a network independent of
    the sequence; here the curve is applied to real pictures, as the non-linear transform of Zhou et al., "Models
    Genesis", Medical Image Analysis 67 (2021), whose curves only rise or fall.

    Attributes:
        share: range of the curve's share, 0..1; 0 is the identity.
        knots: how many levels are drawn, evenly spaced above black.

    Example:
        >>> image = np.tile(np.arange(0, 250, 10, dtype=np.float32), (4, 1))
        >>> curved = GreyCurve(0.5)(image, np.random.default_rng(0))
        >>> bool((curved[:, 0] == 0).all()), bool(np.abs(curved - image).max() > 10)
        (True, True)
    """

    share: tuple[float, float] | float = (0.0, 1.0)
    knots: int = field(default=4, kw_only=True)
    strength: ClassVar[str] = "share"
    highest: ClassVar[float] = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if int(self.knots) != self.knots or not 1 <= self.knots <= 16:
            raise NoiseError(f"GreyCurve: knots={self.knots!r}; give a whole number in 1..16")

    def _details(self, rng: np.random.Generator, value: float) -> Record:
        return {"levels": rng.uniform(0.0, 255.0, int(self.knots)).tolist()}

    @staticmethod
    def render(image: np.ndarray, record: Record) -> np.ndarray:
        """Maps every grey level; see `Noise.render`."""
        levels = [0.0, *record["levels"]]
        grid = np.linspace(0.0, 255.0, _STEPS)
        curve = PchipInterpolator(np.linspace(0.0, 255.0, len(levels)), levels)(grid)
        mapped = grid + record["share"] * (curve - grid)
        place = np.clip(image * ((_STEPS - 1) / 255.0), 0.0, _STEPS - 1)
        table = mapped.astype(np.float32)[None]
        row = np.zeros(place.shape[:2], np.float32)
        planes = [cv2.remap(table, np.ascontiguousarray(plane, np.float32), row, cv2.INTER_LINEAR)
                  for plane in (place[..., None] if place.ndim == 2 else place).transpose(2, 0, 1)]  # fmt: skip
        return planes[0] if image.ndim == 2 else np.stack(planes, axis=2)
