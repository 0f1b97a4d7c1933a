"""The command line: what an operator and a newcomer type. Heavy modules are imported inside the commands."""
