"""The group `window`: appends messages to the sliding window of their scope."""
