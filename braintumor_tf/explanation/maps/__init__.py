"""Heat maps: the methods that show which parts of an image a prediction comes from."""
