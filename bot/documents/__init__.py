"""What is passed on by hand: a poster for a wall, a picture and a recording to forward.  Bytes from texts, no more."""
