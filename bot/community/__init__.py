"""Community leaders: a register, a plan for the first week, and a queue, so that each leader gets few calls."""
