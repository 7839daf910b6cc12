"""Heat maps: the methods that say where in an image an answer comes from."""
