"""What buyers look for and cannot find yet: shown to sellers whose unit fits, never with who looks for it."""
