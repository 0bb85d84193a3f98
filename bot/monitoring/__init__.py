"""Is the line well?  Figures (read), rules (pure: which of them are alarms), telling (to the technical contact)."""
