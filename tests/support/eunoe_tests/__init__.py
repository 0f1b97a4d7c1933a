"""Shared parts of the tests: events, conditions to wait for, processes to start and kill."""
