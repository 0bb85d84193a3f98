"""Persistence: the tables and queries of the database, and the values that live in Redis.

Each module holds one noun: its tables and their queries. The caller passes its transaction.
"""
