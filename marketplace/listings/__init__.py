"""Units for sale: what exactly is sold, in which condition, and how it is found."""
