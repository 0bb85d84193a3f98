"""How long each table's rows stay: one table of rules, carried out every day, shown on a page."""
