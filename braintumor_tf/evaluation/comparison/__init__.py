"""Several runs on the same images: paired differences, costs, the leaderboard."""
