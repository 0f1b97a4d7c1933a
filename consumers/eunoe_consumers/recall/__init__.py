"""The group `recall`: answer an orchestrator's requests for context.

The walk of a request: `effect` -> `answer` -> window, turns and memories at the same time -> `selection` -> reply.
"""
