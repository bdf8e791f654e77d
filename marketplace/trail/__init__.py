"""The audit trail outside of the house: written out, signed, its head kept elsewhere, and verified by anybody."""
