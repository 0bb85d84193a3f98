"""How the schools are today, as the safety lead has verified it: set, withdrawn, told to who heard a rumour."""
