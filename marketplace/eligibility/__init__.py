"""THE GATE: who may buy what, for use where, and exactly what stands against it."""
