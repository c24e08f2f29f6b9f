"""Ours beside the original DALL-E Mini, min-dalle and taming-transformers."""
