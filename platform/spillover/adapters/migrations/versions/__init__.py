"""One schema a file. `sql_schema` finds the newest by its number."""
