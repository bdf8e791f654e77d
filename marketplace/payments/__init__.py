"""The money, and nothing about lasers: held until acceptance, released once, accounted for to the cent."""
