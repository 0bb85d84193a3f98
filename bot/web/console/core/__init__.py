"""What all console pages use: permissions, menu, inbox, and texts."""
