"""The group `embed`: embed messages in batches, and store them as turns in PostgreSQL."""
