"""Delivery: bring each entry of a stream to the effect of its consumer group, at least once, whatever fails.

FastStream reads the streams. This room adds what it lacks: recovery of pending entries, claims that are renewed, dead
letters with reasons, and an orderly end.
"""
