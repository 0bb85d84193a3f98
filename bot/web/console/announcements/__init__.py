"""Pages about announcements."""
