"""Announcements: written by staff, translated, approved, and sent once to each family."""
