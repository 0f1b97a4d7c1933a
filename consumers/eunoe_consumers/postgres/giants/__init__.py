"""Giant scopes: too large for an exact search, so each has its own approximate index. See `eunoe index`."""
