"""From a checkpoint to a bundle: one graph from waveform to scores, in several precisions, each proven equal."""
