"""Our own evasion set: how people hide a blocked word, and honest sentences in many scripts."""
