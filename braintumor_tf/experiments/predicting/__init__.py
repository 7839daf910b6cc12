"""What a finished run says of images that nobody has labelled: files, folders, arrays."""

from braintumor_tf.experiments.predicting.file_search import image_paths, slices_of
from braintumor_tf.experiments.predicting.predictions import answer_files, predict_files, predict_images

__all__ = [
    "answer_files",
    "image_paths",
    "predict_files",
    "predict_images",
    "slices_of",
]
