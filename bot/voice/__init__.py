"""How a written answer is said in a call: which pieces, by which voice or recording, with which keys.  Pure."""
