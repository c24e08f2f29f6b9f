"""How a generator's pictures read, and how sure one may be of it: estimators, findings, the gate between versions."""
