"""Handle cases: alert staff, connect them with the family, and ask the family later whether it was helped."""
