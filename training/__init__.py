"""From a folder of sounds to a model worth shipping: data, augmentation, front end, network, loop.

Not here: turning a model into an ONNX graph or an engine (`export`), and answering requests (`service`).
"""
