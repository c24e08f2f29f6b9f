"""How the safety models were made, and how they score."""
