"""Is this allowed? Checks report facts as signals; they never judge."""
