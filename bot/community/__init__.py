"""Community leaders: a register, a plan for the first week, and a queue so that nobody is called by everybody."""
