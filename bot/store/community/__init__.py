"""Tables about community leaders, partner checks, and content reviews."""
