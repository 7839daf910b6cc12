"""Models that were exported: their contract, and what asks them without TensorFlow or Keras."""
