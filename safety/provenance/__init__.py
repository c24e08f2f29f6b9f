"""Where a picture comes from: what is put into every picture that leaves, and what is found in one that comes back."""
