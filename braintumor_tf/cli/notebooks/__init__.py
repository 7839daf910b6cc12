"""The commands on numbered notebooks: running, listing and copying them."""
