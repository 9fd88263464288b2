"""Entries: what was spent, by job, team, pool and market."""
