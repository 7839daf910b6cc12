"""What the network looks at: layer activations, architecture pictures, Grad-CAM, attention rollout."""
