"""Links that are mailed to one person for one thing, serve once, and leave an answer that nobody can change."""
