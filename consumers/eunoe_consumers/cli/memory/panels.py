"""The headings under which `eunoe memory --help` lists its commands."""

FIND = "Remember and find"
CHANGE = "Change what they say"
LIVE = "Decide over their life"
USE = "Tell what became of them"
RELATE = "What they are to one another"
AROUND = "What surrounds them"
TENANT = "For administrators"
