"""The brain: pure functions over a snapshot. No I/O, no clock, no Ray."""
