"""The register of community leaders (filled in below)."""
