"""Tables about families and their contacts, consent, rosters, and conversations."""
