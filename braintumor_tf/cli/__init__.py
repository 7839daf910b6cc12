"""The command line: one file a command; `braintumor_tf.cli.main` puts them together."""
