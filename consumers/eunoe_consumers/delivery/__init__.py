"""Delivery: one mechanism that brings the entries of a stream to a group's effect, each at least once and none in vain.

FastStream is the shell: it reads. What it does not have is here: recovery of pending entries, claims that are renewed,
dead letters with reasons, and an honest end.
"""
