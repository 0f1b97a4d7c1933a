"""`eunoe memory`: what the client `Curator` can do, for a person at a shell."""
