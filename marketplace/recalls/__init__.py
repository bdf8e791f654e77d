"""Recalls: which of those the FDA publishes may concern a model here, and what staff made of each."""
