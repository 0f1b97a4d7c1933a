"""Rank the turns of a search: by meaning, by words, and by the course of the conversation."""
