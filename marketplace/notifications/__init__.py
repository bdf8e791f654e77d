"""Messages that follow events: kept as rows, sent by a job, each at most once a provider accepts it."""
