"""What is held about one person: told to them, handed over to them, and no longer than it is needed."""
