"""Operations on the rows of all tables: erasure, expiry, exports, and key rotation."""
