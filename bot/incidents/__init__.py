"""Handle agents at a school, and drills.

Text the signed protocol to the front office step by step, alert the chain of staff, and keep a record.
"""
