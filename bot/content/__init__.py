"""Load the content at the start: texts of each language, dated facts, and the district's own data. Never changed."""
