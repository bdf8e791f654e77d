"""Organisations that buy and sell, their sites (places of use) and their members."""
