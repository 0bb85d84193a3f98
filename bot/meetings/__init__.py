"""Gatherings with families: planned by a leader of the district, invited to in every language, listened to after."""
