"""The consumers and the command line, for operators."""
