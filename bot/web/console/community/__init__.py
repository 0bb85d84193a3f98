"""Pages about partner organizations and community leaders."""
