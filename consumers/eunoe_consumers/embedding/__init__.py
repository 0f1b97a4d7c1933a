"""The embedding model: its files, its ONNX graph, and the embedders that run it."""
