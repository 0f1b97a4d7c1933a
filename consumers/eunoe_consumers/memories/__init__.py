"""The group `curate`: curated memory. Each feature is one file with its statements and its handlers."""
