"""What people ask about a unit before they buy it, and what its seller answered, for everybody to read."""
