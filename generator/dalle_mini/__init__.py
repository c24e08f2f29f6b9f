"""DALL-E Mini in PyTorch: one network per file, any size its config.json names."""
