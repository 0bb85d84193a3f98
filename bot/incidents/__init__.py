"""Agents at a school: the signed protocol step by step to the front office, the chain paged, a record; and drills."""
