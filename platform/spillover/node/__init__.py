"""What runs on pool nodes. Leans on the standard library and Ray alone."""
