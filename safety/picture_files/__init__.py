"""Pictures that somebody sent: what is read, what is refused, and which pixels a person would see."""
