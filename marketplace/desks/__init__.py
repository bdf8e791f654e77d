"""What waits on the desks of staff, and the mail of a working day that says so."""
