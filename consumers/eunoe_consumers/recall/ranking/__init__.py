"""Rank turns without a model call: by meaning, by words, and by how conversations run."""
