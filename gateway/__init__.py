"""The service: everything a person or a client touches."""
