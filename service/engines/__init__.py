"""What runs the model: ONNX Runtime, TensorRT or PyTorch, side by side behind one small protocol."""
