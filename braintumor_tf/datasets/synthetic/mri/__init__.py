"""Simulated slices of heads: anatomy, lesions, acquisition, and the data set made of them."""
