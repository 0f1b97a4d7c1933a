"""The durable store: PostgreSQL with pgvector. The only room that reads SQL."""
