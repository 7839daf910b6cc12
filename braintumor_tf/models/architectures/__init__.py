"""The networks: each file builds one family from a resolved configuration."""
