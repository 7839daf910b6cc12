"""Whether an explanation can be believed."""
