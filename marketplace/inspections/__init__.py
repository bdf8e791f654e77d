"""A third person looks at a unit before it is bought: asked for, let in by its seller, and signed by an inspector."""
