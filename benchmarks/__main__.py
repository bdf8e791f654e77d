"""
Measures, and says each figure beside its bar.

    python3 dev.py bench [NAME ...] [--record] [--scale 0.1] [--sizes 10000,100000]

Without a name all but `peers` are run, one after the other. Linux only: seconds of processor are read from /proc.
"""

import argparse
import importlib
from collections.abc import Iterable, Iterator

from benchmarks.figures import Benchmark, Figure, in_parts, record, section

NAMES = ("start", "pages", "judge", "qualified", "finding", "registers", "money", "race", "outages", "load", "peers")
ALONE = ("peers",)
"""Only when it is named: it installs another shop, and takes minutes."""


def benchmark(name: str) -> Benchmark:
    """Return one by its name. Each is read only when it is wanted."""
    found: Benchmark = importlib.import_module(f"benchmarks.{name}").BENCHMARK
    return found


def main() -> None:
    """Measure what was named, and fail if a bar is not met."""
    words = argparse.ArgumentParser(
        prog="dev.py bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    words.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    words.add_argument("--record", action="store_true", help="write the section into benchmarks/RESULTS.md")
    words.add_argument("--scale", type=float, default=1.0, help="of the sizes: 0.1 only shows that it runs")
    words.add_argument("--sizes", help="only these, where a benchmark has several: 10000,100000")
    given = words.parse_args()
    wanted = [int(size) for size in given.sizes.split(",")] if given.sizes else []
    if strange := set(given.names) - set(NAMES):
        words.error(f"there is no benchmark {min(strange)!r}, but {', '.join(NAMES)}")
    met = True
    for name in given.names or [one for one in NAMES if one not in ALONE]:
        found = benchmark(name)
        print(f"\n{found.title}", flush=True)
        chosen = [tuple(size for size in found.sizes if size in wanted or not wanted)] if found.sizes else []
        parts = []
        for part in in_parts(_said(found.measure(given.scale, *chosen))):
            parts.append(part)
            met = met and all(figure.met for figure in part.figures)
        if given.record:
            titles = [benchmark(other).title for other in NAMES]
            record(section(found, parts), titles)
    if not met:
        raise SystemExit("A bar is not met.")


def _said(figures: Iterable[Figure]) -> Iterator[Figure]:
    for figure in figures:
        print(f"  {figure.said()}", flush=True)
        yield figure


if __name__ == "__main__":
    main()
