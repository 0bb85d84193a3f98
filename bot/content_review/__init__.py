"""Staff stay informed: who looked at what, and a digest of five lines a week."""
