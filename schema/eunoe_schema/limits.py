"""What questions of every kind have in common."""

MAX_QUERY_CHARS = 8_192
MAX_DEADLINE_SECONDS = 60.0
