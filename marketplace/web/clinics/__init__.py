"""A person's clinics: sites, members, invitations, and the standing as a seller."""

from . import clinic, members, sites
from .common import bp

__all__ = ["bp", "clinic", "members", "sites"]
