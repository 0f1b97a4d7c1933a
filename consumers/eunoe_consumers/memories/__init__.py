"""The group `curate`: requests on curated memory, each done once and answered."""
