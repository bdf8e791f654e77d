"""The desks of the house: what staff see and decide."""
