"""What operators run: the consumer groups, the store and the command line."""
