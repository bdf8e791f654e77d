"""
How the tests of a whole run are dealt out to its two workers: by the file, the long ones first.

pytest-xdist would deal them out one by one, and after each count all that a worker was ever given: with fourteen thousand
tests a third process counted for half a minute, and workers whose tests are done in no time waited for it.
"""

from pathlib import PurePosixPath

from xdist.scheduler import LoadGroupScheduling

# What takes long begins first; what is done in no time comes last, so that no worker is left alone with a long file.
FIRST = ("journeys", "faults", "services", "web")
LAST = ("rules",)


class ByFile(LoadGroupScheduling):
    """Deal out groups as they are named, and all other tests by their file."""

    def __init__(self, config, log=None):
        super().__init__(config, log)
        config.option.loadscopereorder = False  # The order is ours: a file of many tests is not one that takes long.

    def _split_scope(self, nodeid):
        scope = super()._split_scope(nodeid)
        return scope.partition("::")[0] if scope == nodeid else scope


def in_order(items):
    """Bring the tests of a worker into the order in which they are dealt out."""
    places = (*FIRST, None, *LAST)
    rank = {name: number for number, name in enumerate(places)}

    def place(item):
        room = PurePosixPath(item.nodeid).parts[1]
        return rank.get(room, rank[None])

    items.sort(key=place)
