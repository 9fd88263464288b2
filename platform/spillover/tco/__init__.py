"""Total cost of ownership: what owned and rented capacity cost, where they break even, and how much to own."""
