"""Every operator's arithmetic in NumPy, obviously right: the oracle, and what runs where nothing compiles."""
