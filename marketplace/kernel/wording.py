"""Words that are told in the reader's language where they are shown, and named where they stand."""

from typing import Protocol


def gettext_noop(message: str) -> str:
    """Mark a message for translation. It stays as it is until a page shows it with `gettext`."""
    return message


class Teller(Protocol):
    """Who tells messages in the reader's language; `marketplace.web.language` does."""

    def gettext(self, message: str, /, **values: object) -> str:
        """Return a message with values in the places that it names."""

    def ngettext(self, one: str, many: str, number: int, /, **values: object) -> str:
        """Return what is said of so many; the number itself is `%(num)s`."""


class _English:
    """Tells messages as they are written."""

    def gettext(self, message: str, /, **values: object) -> str:
        return message % values if values else message

    def ngettext(self, one: str, many: str, number: int, /, **values: object) -> str:
        return (one if number == 1 else many) % {"num": f"{number:,}", **values}


ENGLISH: Teller = _English()
