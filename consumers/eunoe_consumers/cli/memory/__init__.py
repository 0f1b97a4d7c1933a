"""`eunoe memory`: curated memory at a shell."""
