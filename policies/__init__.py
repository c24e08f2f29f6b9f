"""What the operator decided: data first, and the pure function that applies it."""
