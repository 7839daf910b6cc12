"""Patches of simulated stained tissue: one slide of a patient, and the drawing of one patch of it.

Haematoxylin and eosin are laid on tissue as two maps of concentration. The law of Beer and Lambert turns them into
colour, with the stain vectors of Ruifrok and Johnston (2001) as scikit-image has them. The patches are meant for one
question, whether an image is tissue at all; they are not fit for any statement about tissue.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image
from skimage.color import rgb_from_hed

from braintumor_tf.datasets.synthetic.acquisition import Size
from braintumor_tf.datasets.synthetic.tissue.nuclei import place_nuclei
from braintumor_tf.errors import DatasetError

TISSUES = ("no_idc", "idc")
"""The labels of tissue: without and with invasive ductal carcinoma (IDC), as the folders 0 and 1 of the public set."""

HAEMATOXYLIN, EOSIN = (tuple(float(part) for part in vector) for vector in rgb_from_hed[:2])
"""How much red, green and blue light each stain takes away, as vectors of length 1 (about)."""

SIDES = (50, 96)
"""Sides in pixels: those of the public breast patches, and of lymph node patches of other public sets."""

FINER = 2
"""Patches are computed this many times finer than they are stored."""


@dataclass(frozen=True)
class Slide:
    """What all patches of one patient share: the stains, the microscope, the tissue's build.

    Attributes:
        side: of a patch in pixels.
        haematoxylin, eosin: the stains' vectors, of length 1.
        strength: how heavily the two stains were laid on, 1 being usual.
        light: red, green and blue of the empty slide, 0..1.
        radius: of a usual nucleus in pixels.
        density: share of a gland's area that its nuclei want to take.
        direction: of the fibres in radians.
        fat: chance that a patch without carcinoma holds fat cells.
        blur: standard deviation of the blur in pixels.
        noise: standard deviation of the camera's noise, 1 being white.
        quality: of the JPEG compression that the slide went through.
    """

    side: int
    haematoxylin: tuple[float, float, float]
    eosin: tuple[float, float, float]
    strength: tuple[float, float]
    light: tuple[float, float, float]
    radius: float
    density: float
    direction: float
    fat: float
    blur: float
    noise: float
    quality: int


def sample_slide(rng: np.random.Generator, *, image_size: Size = None) -> Slide:
    """Draws the slide of a patient; `image_size` as in `write_synthetic_tissue`."""
    low, high = (image_size, image_size) if isinstance(image_size, int) else image_size or SIDES
    side = int(rng.choice((low, high))) if image_size is None else int(rng.integers(low, high + 1))
    return Slide(
        side=side,
        haematoxylin=_varied(HAEMATOXYLIN, rng.uniform((-0.06, -0.05, -0.10), (0.06, 0.05, 0.05))),
        eosin=_varied(EOSIN, rng.uniform((-0.02, -0.10, 0.08), (0.14, 0.0, 0.42))),
        strength=(rng.uniform(0.75, 1.35), rng.uniform(0.65, 1.45)),
        light=tuple((rng.uniform(0.90, 0.98) + rng.uniform(-0.02, 0.02, 3)).tolist()),
        radius=rng.uniform(2.3, 3.6) * (side / 50) ** 0.6,
        density=rng.uniform(0.34, 0.55),
        direction=rng.uniform(0, np.pi),
        fat=rng.uniform(0.05, 0.4),
        blur=rng.uniform(0.25, 0.75),
        noise=rng.uniform(0.004, 0.014),
        quality=int(rng.integers(70, 96)),
    )


def render_patch(label: str = "no_idc", *, seed: int = 0, index: int = 0, image_size: Size = 96) -> np.ndarray:
    """Draws one patch of a simulated patient's slide in memory.

    Args:
        label: ``"no_idc"`` or ``"idc"``.
        seed: tells one patient from another.
        index: tells a patient's patches apart.
        image_size: as in `write_synthetic_tissue`.

    Returns:
        The image, uint8 in 0..255 of shape ``(height, width, 3)``, RGB.

    Raises:
        DatasetError: an unknown label.

    Example:
        >>> render_patch("idc", seed=3).shape
        (96, 96, 3)
    """
    if label not in TISSUES:
        raise DatasetError(f"{label!r} is no label of synthetic tissue; known are {', '.join(TISSUES)}")
    slide = sample_slide(np.random.default_rng([seed, 0]), image_size=image_size)
    return draw_patch(slide, label, np.random.default_rng([seed, 1, TISSUES.index(label), index]))


def draw_patch(slide: Slide, label: str, rng: np.random.Generator) -> np.ndarray:
    """Draws a patch of a slide: uint8 RGB of shape ``(slide.side, slide.side, 3)``."""
    fine = FINER * slide.side
    haematoxylin, eosin = concentrations(slide, label, fine, rng)
    strong = np.stack([haematoxylin * slide.strength[0], eosin * slide.strength[1]], axis=-1)
    colour = absorb(strong, np.array([slide.haematoxylin, slide.eosin]), np.array(slide.light))
    colour = cv2.GaussianBlur(colour.astype(np.float32), (0, 0), FINER * slide.blur)
    colour = cv2.resize(colour, (slide.side, slide.side), interpolation=cv2.INTER_AREA)
    colour += rng.standard_normal(colour.shape, dtype=np.float32) * np.float32(slide.noise)
    return compressed(np.rint(np.clip(colour, 0, 1) * 255).astype(np.uint8), slide.quality)


def absorb(stains: np.ndarray, vectors: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Turns concentrations into colour by the law of Beer and Lambert, ``light * exp(-stains @ vectors)``.

    Args:
        stains: concentrations at least 0, shape ``(..., stains)``.
        vectors: absorption of red, green and blue by each stain, shape ``(stains, 3)``.
        light: red, green and blue of the empty slide, 0..1.

    Returns:
        Red, green and blue in 0..1, shape ``(..., 3)``.
    """
    return light * np.exp(-stains @ vectors)


def concentrations(slide: Slide, label: str, fine: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draws the tissue of a patch: its haematoxylin and its eosin, each float of shape ``(fine, fine)``, at least 0."""
    radius = FINER * slide.radius
    fibres, waves = _fibres(fine, radius, slide.direction, rng), smooth(fine, 4 * radius, rng)
    gland = _glands(fine, radius, label, rng)
    hole = _fat(fine, radius, rng) if label == "no_idc" and rng.random() < slide.fat else np.ones((fine, fine))
    nuclei = place_nuclei(fine, radius, slide.density, gland, hole > 0.99, slide.direction, label == "idc", rng)
    eosin = (1 - gland) * np.clip(0.50 + 0.20 * fibres + 0.08 * waves, 0.06, None) + gland * (0.36 + 0.05 * waves)
    haematoxylin = 0.07 + 0.03 * np.clip(fibres, 0, None) + 0.20 * gland
    inside, chromatin = nuclei.painted(fine)
    grain = 1 + 0.16 * smooth(fine, 0.35 * radius, rng)
    eosin = eosin * (1 + 0.08 * smooth(fine, 0.5 * radius, rng))
    haematoxylin = haematoxylin * (1 - inside) + inside * chromatin * grain
    eosin = eosin * (1 - 0.45 * inside)
    return np.clip(haematoxylin * hole, 0, None), np.clip(eosin * hole, 0, None)


def smooth(side: int, grain: float, rng: np.random.Generator) -> np.ndarray:
    """Returns smooth noise of mean 0 and standard deviation 1, float32 ``(side, side)``, bumps about `grain` wide."""
    coarser = max(1.0, grain / 5)  # broad bumps are drawn small and enlarged
    count = int(np.ceil(side / coarser)) + 2
    margin = int(np.ceil(2 * grain / coarser))
    noise = rng.standard_normal((count + 2 * margin,) * 2, dtype=np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), max(grain / coarser / 2, 0.3))
    noise = noise / noise.std()  # before the cut: a patch may well be all bump
    noise = noise[margin : margin + count, margin : margin + count]
    wide = round(count * coarser)
    return (
        cv2.resize(noise, (wide, wide), interpolation=cv2.INTER_CUBIC)[:side, :side]
        if coarser > 1
        else noise[:side, :side]
    )


def _fibres(fine: int, radius: float, direction: float, rng: np.random.Generator) -> np.ndarray:
    """Returns wavy strands of collagen: noise drawn out along a direction that wanders, standard deviation 1."""
    noise = rng.standard_normal((2 * fine, 2 * fine), dtype=np.float32)
    strands = cv2.GaussianBlur(noise, (0, 0), sigmaX=4.5 * radius, sigmaY=0.30 * radius)
    strands /= strands.std()
    threads = cv2.GaussianBlur(
        rng.standard_normal((2 * fine, 2 * fine), dtype=np.float32), (0, 0), sigmaX=1.2 * radius, sigmaY=0.8
    )
    strands = 0.85 * strands + 0.45 * threads / threads.std()
    turn = direction + rng.normal(0, 0.35)
    rows, columns = np.mgrid[:fine, :fine].astype(np.float32) - np.float32(fine / 2)
    along = np.cos(turn) * columns + np.sin(turn) * rows
    across = -np.sin(turn) * columns + np.cos(turn) * rows + 1.6 * radius * smooth(fine, 7 * radius, rng)
    return cv2.remap(
        strands,
        (along + fine).astype(np.float32),
        (across + fine).astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )


def _glands(fine: int, radius: float, label: str, rng: np.random.Generator) -> np.ndarray:
    """Returns where epithelium lies, 0..1 with soft edges: nests and sheets in carcinoma, little of it elsewhere."""
    share = rng.uniform(0.45, 1.0) if label == "idc" else rng.choice((0.0, 0.0, rng.uniform(0.1, 0.45)))
    field = smooth(fine, 9 * radius, rng) + 0.25 * smooth(fine, 3 * radius, rng)
    level = np.quantile(field, 1 - share) if 0 < share < 1 else (field.min() - 1 if share else field.max() + 1)
    return 1 / (1 + np.exp(-np.clip((field - level) / 0.08, -30, 30)))


def _fat(fine: int, radius: float, rng: np.random.Generator) -> np.ndarray:
    """Returns 1 for tissue and nearly 0 inside fat cells, which the stains wash out; thin walls are left between."""
    count = int(rng.integers(3, 9))
    centres = rng.uniform(-0.1, 1.1, (count, 2)) * fine
    sizes = rng.uniform(3.2, 6.5, count) * radius
    rows, columns = np.mgrid[:fine, :fine]
    wobble = 0.5 * radius * smooth(fine, 4 * radius, rng)
    distance = np.full((fine, fine), np.inf)
    second = distance.copy()
    for (row, column), size in zip(centres, sizes, strict=True):
        here = np.hypot(rows - row, columns - column) - size + wobble
        distance, second = np.minimum(distance, here), np.minimum(second, np.maximum(distance, here))
    wall = np.maximum(distance, distance - second + 0.35 * radius)  # where two cells meet, a wall stays
    return 0.03 + 0.97 / (1 + np.exp(-np.clip(wall / (0.12 * radius), -30, 30)))


def _varied(vector: tuple[float, float, float], change: np.ndarray) -> tuple[float, float, float]:
    changed = np.clip(np.array(vector) + change, 0.01, None)
    return tuple((changed / np.linalg.norm(changed)).tolist())


def compressed(pixels: np.ndarray, quality: int) -> np.ndarray:
    """Passes a patch through JPEG, as the files that slides are kept in do; uint8 RGB in and out."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))
