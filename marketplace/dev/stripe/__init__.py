"""A stand-in for Stripe on a developer's machine: the same HTTP, the same signatures, no real money."""
