"""Puts the platform together: the only room that names concrete adapters."""
