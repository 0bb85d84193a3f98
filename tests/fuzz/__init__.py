"""Anything at all sent to every door: no door may break (a 500), whatever comes.

`PUENTE_FUZZ=100000 pytest -m long tests/fuzz` sends so many requests; without it 5,000, the same ones each time.
"""
