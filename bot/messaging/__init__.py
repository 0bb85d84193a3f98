"""Receive messages, compose replies, and send deliveries."""
