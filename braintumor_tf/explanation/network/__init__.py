"""What the layers of a network make of an image, and how the network is built."""
