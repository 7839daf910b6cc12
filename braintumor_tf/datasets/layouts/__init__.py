"""How labelled data sets are laid out: folders by class and split, and CSV files."""

from braintumor_tf.datasets.layouts.folder_rows import read_folder, unlisted_images
from braintumor_tf.datasets.layouts.layout import BOX, IDENTITY, PATIENT, Layout, Listing, patient_of_group
from braintumor_tf.datasets.layouts.table_rows import read_listing
from braintumor_tf.datasets.layouts.tables import read_table

__all__ = [
    "BOX",
    "IDENTITY",
    "PATIENT",
    "Layout",
    "Listing",
    "patient_of_group",
    "read_folder",
    "read_listing",
    "read_table",
    "unlisted_images",
]
