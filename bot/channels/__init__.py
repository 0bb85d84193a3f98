"""The outside: how a text leaves.  An adapter says what happened; only `messaging.send` decides what follows."""
