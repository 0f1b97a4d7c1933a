"""The embedding model: where its files come from, its ONNX graph, and the embedder that runs it."""
