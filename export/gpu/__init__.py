"""What a GPU makes of a model: every engine that can be had there, proven equal to PyTorch on a CPU, and timed."""
