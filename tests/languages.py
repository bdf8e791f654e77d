"""What a page says in the reader's language, and what of it was forgotten to be marked for translation."""

import gettext
import re
from html.parser import HTMLParser

WITHOUT_END = {"meta", "link", "input", "img", "br", "source", "hr", "col"}
SHOWN_ATTRIBUTES = {"alt", "title", "placeholder", "aria-label", "data-busy"}
MEANT_FOR_MACHINES = {"script", "style", "svg"}


UNITS = {"nm", "mm", "USD", "ZIP"}
NAMES = ("Second Light", "English")


class Pseudo(gettext.NullTranslations):
    """A language in which every message stands between brackets: what stands outside was forgotten."""

    def gettext(self, message):
        return f"⟦{message}⟧"

    def ngettext(self, msgid1, msgid2, n):
        return f"⟦{msgid1 if n == 1 else msgid2}⟧"


class Shown(HTMLParser):
    """What a page says outside of messages, in the reader's language: in its text, and in attributes that are read."""

    def __init__(self, html):
        super().__init__()
        self.outside, self._path, self._depth = [], [], 0
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag not in WITHOUT_END:
            self._path.append((tag, given.get("lang")))
        if self._reads():
            self.outside += [_outside(value, 0)[0] for name, value in attributes if name in SHOWN_ATTRIBUTES and value]
        if tag == "meta" and given.get("name") == "description":
            self.outside.append(_outside(given["content"], 0)[0])

    def handle_endtag(self, tag):
        while tag not in WITHOUT_END and self._path and self._path.pop()[0] != tag:
            pass

    def handle_data(self, data):
        if self._reads():
            words, self._depth = _outside(data, self._depth)
            self.outside.append(words)

    def _reads(self):
        spoken = [lang for _, lang in self._path if lang]
        return spoken[-1:] == ["es"] and not any(tag in MEANT_FOR_MACHINES for tag, _ in self._path)


def _outside(words, depth):
    """Return what of the words is in no bracket, and how many are open: a message may go on behind an element."""
    left = []
    for sign in words:
        depth += sign == "⟦"
        if not depth:
            left.append(sign)
        depth -= sign == "⟧"
    return "".join(left).strip(), depth


def forgotten(html, *data):
    """Return what a page says that is no message, without what it shows of `data`."""
    names = re.compile("|".join(map(re.escape, sorted((*NAMES, *data), key=len, reverse=True))))
    left = [names.sub("", words).strip() for words in Shown(html).outside]
    return [words for words in left if set(re.findall(r"[A-Za-z]{2,}", words)) - UNITS]


def in_pseudo(client, address, status=200):
    """Return a page as somebody gets it who asks for another language."""
    answer = client.get(address, headers={"Accept-Language": "es"})
    assert answer.status_code == status
    html = answer.get_data(as_text=True)
    assert '<html lang="es"' in html
    return html
