"""The group `window`: append messages to the sliding windows of their scopes."""
