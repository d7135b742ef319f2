"""Measures the service as its users meet it: a process behind a socket, beside the bare engine on the same cores.

Not here: tests, which say whether an answer is right; these modules say how fast, how steadily, and at what cost.
"""
