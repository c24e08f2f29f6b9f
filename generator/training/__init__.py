"""How dalle-nano was made."""
