"""The straight line: a message comes in (`receive`), a message goes out (`send`), what became of it (`status`)."""
