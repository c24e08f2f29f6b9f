"""Make the picture."""
