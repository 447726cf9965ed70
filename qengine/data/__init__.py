"""Data that the demo and the tests use; a text beside each file says whose it is."""
