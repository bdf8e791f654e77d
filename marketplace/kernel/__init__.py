"""Words and tools without business: pure, standard library only."""
