"""The group `embed`: embeds messages in batches and writes them to the durable store."""
