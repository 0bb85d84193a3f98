"""What is kept: the database (the truth), and Redis (the conversation of the day).

One module a noun, each table beside its queries.  Whoever writes passes the transaction it is in.
"""
