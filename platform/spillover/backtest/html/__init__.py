"""What a backtest found, as one HTML file for people: no other file, no network, readable without its script."""
