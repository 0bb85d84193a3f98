"""Login, second factor, sessions, and the district's identity provider."""
