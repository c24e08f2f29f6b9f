"""One check, one file."""
