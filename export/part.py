"""What of a model can be asked by itself."""

from typing import Literal

Part = Literal["whole", "front end", "network"]

WHOLE: Part = "whole"
FRONT_END: Part = "front end"
"""From a waveform to what the network sees."""
NETWORK: Part = "network"
"""From there to scores."""
