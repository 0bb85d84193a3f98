"""`make audit` (part of `make check`): find unsafe packages and packages that differ from the lock."""
