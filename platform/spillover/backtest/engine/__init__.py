"""The compiled replay: a world of owned nodes and rented ones, played event by event in machine code."""
