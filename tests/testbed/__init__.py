"""A hybrid test bed on one Linux machine: SSH hosts, and an EC2 whose instances boot, cost money and vanish."""
