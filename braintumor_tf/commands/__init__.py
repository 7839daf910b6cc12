"""Commands of ``braintumor-tf`` that `braintumor_tf.cli` puts together."""
