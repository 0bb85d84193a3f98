"""Tables about meetings, answers to invitations, and questions."""
