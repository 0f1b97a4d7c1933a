"""The group `recall`: answers an orchestrator's questions from window and turns."""
