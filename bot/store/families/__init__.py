"""Tables about families and their contacts."""
