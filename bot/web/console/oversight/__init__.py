"""Pages about accounts, records, retention, and system health."""
