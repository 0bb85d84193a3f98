"""Sentence encoders: the one that Puente ships, a folder that a district brings, or a server on its own network."""
