"""Send anything to every endpoint: none may fail with a 500.

`PUENTE_FUZZ=100000 pytest -m long tests/fuzz` sends that many requests; without it 5,000, the same ones each time.
"""
