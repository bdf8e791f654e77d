"""Resellers elsewhere, who ask the gate about somebody who agreed to it and are answered with a receipt."""
