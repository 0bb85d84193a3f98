"""What covers all tables: erasure, expiry, exports, and key rotation."""
