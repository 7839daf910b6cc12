"""The path of one slice of a volume: ``brain.nii.gz#81``, or ``brain.nii.gz#coronal-81`` of another plane."""

from __future__ import annotations

import re
from dataclasses import dataclass

from braintumor_tf.datasets.formats.medical.orientation import PLANES

_FORM = re.compile(rf"(.+)#(?:({'|'.join(PLANES)})-)?([0-9]{{1,9}})", re.DOTALL)


@dataclass(frozen=True)
class SlicePath:
    """One slice of a volume.

    Attributes:
        file: the volume.
        number: of the slice, from 1; `orientation` says which way they are counted.
        plane: one of `PLANES`.
    """

    file: str
    number: int
    plane: str = PLANES[0]

    def __str__(self) -> str:
        return f"{self.file}#{'' if self.plane == PLANES[0] else f'{self.plane}-'}{self.number}"

    @classmethod
    def of(cls, path: str) -> SlicePath | None:
        """Takes a path apart; None where it does not end as that of a slice.

        Example:
            >>> SlicePath.of("a/brain.nii.gz#coronal-81")
            SlicePath(file='a/brain.nii.gz', number=81, plane='coronal')
            >>> SlicePath.of("a/brain.nii.gz") is None
            True
        """
        found = _FORM.fullmatch(path)
        return None if found is None else cls(found[1], int(found[3]), found[2] or PLANES[0])
