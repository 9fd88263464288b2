"""Replays a trace through the same decisions that run live."""
