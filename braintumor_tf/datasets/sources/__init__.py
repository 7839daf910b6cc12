"""The public data sets: what each is, how it is downloaded, and how it is recognised by its content."""
