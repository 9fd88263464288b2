"""The whole way of a job that spills over, on the test bed: told step by step, measured, and asserted."""
