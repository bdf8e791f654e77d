"""Words that are told in the reader's language where they are shown, and named where they stand."""


def gettext_noop(message: str) -> str:
    """Mark a message for translation. It stays as it is until a page shows it with `gettext`."""
    return message
