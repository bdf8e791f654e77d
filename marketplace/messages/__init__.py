"""What buyer and seller of an order write to each other, and staff while a dispute is open."""
