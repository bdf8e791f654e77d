"""Private files: what type they truly are, whose they are, and who may see them."""
