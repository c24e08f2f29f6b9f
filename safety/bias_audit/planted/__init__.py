"""The audit audited: generators whose bias is known, and what the audit must say about them."""
