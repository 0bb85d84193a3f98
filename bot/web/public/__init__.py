"""Public pages and files, without a login."""
