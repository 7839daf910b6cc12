"""What a training computes on: several devices or hosts, the precision, and the memory of the process."""
