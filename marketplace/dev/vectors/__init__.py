"""The public test vectors as tables of situations, with answers written by hand; the gate is never asked here."""
