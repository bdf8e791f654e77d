"""The demo: a small, whole market in which every situation can be met, the same on every machine."""
