"""Makers, device models and modalities: what a device is, and which procedures it enables."""
