"""What all rooms agree on: how audio becomes samples, and what a bundle is. Imports nothing of ours."""

import os

# ONNX Runtime tells its maker about its use, and leaves an identity in the user's home, unless this stands there
# before it is imported. Every room imports this one.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
