"""The debug path: what every layer of the model makes of a sound, by PyTorch, beside the road of the answers."""
