"""Holding models against each other and against the runtime: faults found, one number explained, errors split up."""
