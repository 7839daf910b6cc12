"""Names the packages, as ``find:`` does, and the folder ``notebooks/``; ``setup.cfg`` says where it goes."""

from setuptools import find_packages, setup

setup(packages=[*find_packages(include=["braintumor_tf", "braintumor_tf.*"]), "braintumor_tf.notebooks.numbered"])
