"""The words: texts of each language, dated facts, the district's own data.  Loaded once at start, then only read."""
