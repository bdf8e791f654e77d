"""Many listings at once: a clinic's own as a table to keep, and drafts from a table, made in the background."""
