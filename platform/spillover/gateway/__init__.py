"""The HTTP face: Ray's Jobs API as Ray's own clients expect it, and Spillover's own API beside it."""
