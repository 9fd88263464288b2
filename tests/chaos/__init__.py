"""The chaos run: real jobs, a cloud that misbehaves, and a checker that trusts nothing that Spillover says of itself."""
