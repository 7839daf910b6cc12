"""The sections of a page: what it says of one subject, its sentences, its tables and its figures, in one file each."""
