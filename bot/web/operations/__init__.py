"""Health, metrics, and login rate limits."""
