"""The outside world, behind the ports of the rooms; only `app` chooses among these."""
