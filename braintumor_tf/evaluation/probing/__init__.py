"""What a linear model can tell from the features of a network."""
