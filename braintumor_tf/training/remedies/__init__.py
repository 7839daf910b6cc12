"""What keeps a network from telling the class by the place: counterfactual pairs, grey curves, box loss, balance."""
