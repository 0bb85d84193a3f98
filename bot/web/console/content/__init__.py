"""Pages about flows, facts, and their reviews."""
