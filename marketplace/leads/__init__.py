"""What people want arranged around a device: financing, taking one in, selling one; and who was let in on it."""
