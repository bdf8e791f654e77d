"""What a developer's machine stands in for: the database server, Stripe, the mailbox, the people."""
