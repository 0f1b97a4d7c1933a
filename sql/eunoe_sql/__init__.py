"""Eunoe's SQL: the bootstrap of roles, migrations and queries. Data only; read by `eunoe_consumers.postgres` alone."""
