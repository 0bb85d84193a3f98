"""Teaching the understanding from its phrases, and measuring how well it has learnt.  Not needed to run Puente."""
