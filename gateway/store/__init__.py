"""What is kept: the database and the pictures on disk."""
