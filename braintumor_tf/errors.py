"""The errors that this package raises on purpose: one line, naming what is wrong and what to do."""

from __future__ import annotations

from pathlib import Path


class BrainTumorError(Exception):
    r"""Base of every error raised on purpose; the command line prints it as one line and exits with 1.

    It is one line whatever the names and values in it hold.

    Example:
        >>> str(BrainTumorError("list.csv: line 4: has the label 'a\nb'"))
        "list.csv: line 4: has the label 'a b'"
    """

    def __str__(self) -> str:
        return " ".join(super().__str__().splitlines())


class BrainTumorWarning(UserWarning):
    """What has to be said and stops nothing; the command line prints it as one line."""


class PagesWarning(BrainTumorWarning):
    """An image file holds several pages or frames, of which one was read; the text says which."""


class ImageReadError(BrainTumorError):
    """An image file could not be read.

    Attributes:
        path: the file.
        reason: why, without the path, such as ``"truncated file"``.
    """

    def __init__(self, path: str | Path, reason: str):
        self.path = str(path)
        self.reason = reason
        super().__init__(f"{path}: {reason}")

    def __reduce__(self):
        return type(self), (self.path, self.reason)


class ImageNotFound(ImageReadError, FileNotFoundError):
    """An image file is not there."""


class ImageDecodeError(ImageReadError):
    """The decoder gave an image file up: it is damaged. The answer is not kept, so the next scan decodes it again."""


class ImageResourceError(ImageDecodeError):
    """Memory or open files were too short to read an image file, which may be sound; nothing is left out for it."""


class DatasetError(BrainTumorError):
    """A data set is missing, empty, not laid out as expected, or holds files that `strict` refuses."""


class SplitError(BrainTumorError):
    """A split cannot be made as asked: too few groups, no official split, fractions that do not add up."""


class RunError(BrainTumorError):
    """A run directory is missing, incomplete, or does not fit what is asked of it."""


class DamagedRun(RunError):
    """A file of a run cannot be read as what it is: it was cut short, overwritten, or edited by hand.

    Attributes:
        path: the file.
        reason: what is wrong with it, without the path.
    """

    def __init__(self, path: str | Path, reason: str):
        self.path = str(path)
        self.reason = reason
        super().__init__(f"{path}: damaged, {reason}; restore it from a copy, or make the run again")

    def __reduce__(self):
        return type(self), (self.path, self.reason)


class UnwrittenFile(BrainTumorError, OSError):
    """A file could not be written: the disk is full, the folder is read-only; what stood there before is kept.

    Attributes:
        path: the file.
        reason: the system's words, such as ``"No space left on device"``.
    """

    def __init__(self, path: str | Path, reason: str):
        self.path = str(path)
        self.reason = reason
        kept = "what stood there before is kept" if Path(path).exists() else "no part of it is left behind"
        super().__init__(f"{path}: not written ({reason}); {kept}; make room or choose another folder, then go on")

    def __reduce__(self):
        return type(self), (self.path, self.reason)


class NotebookError(BrainTumorError):
    """A notebook is unknown, was given wrong parameters, or failed while running."""


class CropError(BrainTumorError):
    """A picture cannot be cut as asked: no such crop is known."""


class NoiseError(BrainTumorError, ValueError):
    """A noise model was given a strength, a severity or an image that it cannot work with."""


class ModelError(BrainTumorError):
    """A model is unknown, was asked for with settings it does not have, or its file cannot be used."""


class WeightsUnavailable(BrainTumorError, FileNotFoundError):
    """Pretrained weights are not where they should be, or are not the published file; the text says what to do."""


class ImageInputError(BrainTumorError, ValueError):
    """Images handed to a model do not fit its input contract: pixels 0 to 255, grey or RGB, one array of four axes."""


class TrainingError(BrainTumorError):
    """Training cannot start or go on as asked: no training images, unknown settings, a loss that is not finite."""


class SearchError(TrainingError):
    """A search cannot start, be joined or go on as asked."""


class EvaluationError(BrainTumorError):
    """Predictions cannot be made or scored as asked: no images, other classes, probabilities that are none."""


class ExplanationError(BrainTumorError):
    """An explanation was asked for that the model, the images or the method cannot give; the text lists what can."""


class ExportError(BrainTumorError):
    """A run cannot be exported as asked, or its export does not answer as it does; the text says what to do."""
