"""PostgreSQL with pgvector: connections, migrations, turns, tenants and the state of the streams."""
