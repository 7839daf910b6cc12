"""``python -m braintumor_tf``: the same as the command ``braintumor-tf``."""

from braintumor_tf.cli.main import main

main()
