"""Content reviews: who reviewed which fact, partner, or source, reminders for owners, and a weekly digest."""
