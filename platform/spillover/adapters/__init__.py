"""One foreign system a file."""
