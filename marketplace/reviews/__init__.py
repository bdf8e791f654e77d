"""What buyers say of sellers once a sale is over, and what a seller's sales here add up to."""
