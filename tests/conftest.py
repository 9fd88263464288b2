"""Its presence puts this folder on the path of all tests: they share `certificates`."""
