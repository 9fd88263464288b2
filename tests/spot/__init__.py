"""Recorded spot markets, replayed against elastic training: `python -P tests/spot/run.py`."""
