"""How addresses are put together: worked out for each when it is first asked for."""

from collections.abc import Callable
from typing import Any

from werkzeug.routing import Rule


class LateRule(Rule):
    """
    An address of the house.

    Werkzeug compiles two functions for each of hundreds of addresses before the first request, and takes most of the
    time for it in which the house is put together. A process needs few of them, a command none.
    """

    def _compile_builder(
        self,
        append_unknown: bool = True,  # noqa: FBT001,FBT002  Werkzeug's own signature.
    ) -> Callable[..., tuple[str, str]]:
        name = "_build_unknown" if append_unknown else "_build"

        def late(_rule: Rule, /, **values: Any) -> tuple[str, str]:
            compiled: Callable[..., tuple[str, str]] = super(LateRule, self)._compile_builder(append_unknown)
            setattr(self, name, compiled.__get__(self, None))
            return compiled(self, **values)

        return late
