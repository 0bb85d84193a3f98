"""`make audit` (a part of `make check`): are the packages of the lock known to be unsafe, or not what was locked?"""
