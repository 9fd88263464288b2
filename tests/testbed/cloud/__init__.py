"""A fake EC2: moto answers the API, hosts of the test bed are the instances, and it keeps its own bill."""
