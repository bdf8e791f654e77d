"""What a buyer or seller wants to know of a model besides its units: makers' policies, what it costs in all, prices."""
