"""Tables about announcements, translations, and recipients."""
