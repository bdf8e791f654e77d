"""
What no rule of axe may find on a page, and what axe does not ask: ids that stand twice, and what sticks out.

Contrast is most of axe's work: for every piece of text it looks for all that lies behind it. What is written in the
same letters on the same ground has the same contrast, so each such pair is weighed where it is first met.
"""

import os
import re
from collections.abc import Iterable
from itertools import count
from pathlib import Path

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

# Every page in both widths and both themes; the frame that all share in all four of their pairs, from page to page.
LOOKS = (((1280, "light"), (320, "dark")), ((320, "light"), (1280, "dark")))
# Where pictures of all pages go, if somebody wants to look at them (CONTRIBUTING.md).
PICTURES = os.environ.get("SECOND_LIGHT_PICTURES", "")
# Weigh every piece of text, whatever was weighed before.
THOROUGH = os.environ.get("SECOND_LIGHT_WEIGH_ALL") == "1"
COUNT = count(1)
CONFIGURED = """() => axe.configure({ rules: [{ id: "color-contrast", selector: "[data-weigh]" }] })"""
RUN = """() => axe.run(document, { preload: false, resultTypes: ["violations"] }).then(({ violations }) =>
  violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.target.join(" ")).join(", ")}`))"""
# What contrast depends on: the letters, and every ground on the way to the page's own, with what puts them there.
MARK = """([known, all]) => {
  const BEHIND = ["backgroundColor", "backgroundImage", "opacity", "position", "zIndex", "mixBlendMode", "filter",
    "clip", "clipPath", "overflow", "visibility", "textIndent", "transform", "float"];
  const OWN = ["color", "fontSize", "fontWeight", "fontFamily", "textShadow", "display", "webkitTextFillColor"];
  const FIELDS = "input, select, textarea, button";
  const hashed = (text) => {
    let one = 0xdeadbeef, two = 0x41c6ce57;
    for (let place = 0; place < text.length; place++) {
      one = Math.imul(one ^ text.charCodeAt(place), 2654435761);
      two = Math.imul(two ^ text.charCodeAt(place), 1597334677);
    }
    one = Math.imul(one ^ (one >>> 16), 2246822507) ^ Math.imul(two ^ (two >>> 13), 3266489909);
    two = Math.imul(two ^ (two >>> 16), 2246822507) ^ Math.imul(one ^ (one >>> 13), 3266489909);
    return 4294967296 * (2097151 & two) + (one >>> 0);
  };
  const grounds = new Map();
  const ground = (one) => {
    if (!one) return "";
    if (!grounds.has(one)) {
      const style = getComputedStyle(one);
      grounds.set(one, hashed(ground(one.parentElement) + BEHIND.map((name) => style[name]).join("|")));
    }
    return grounds.get(one);
  };
  const words = (one) => [...one.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE)
    .map((node) => node.data.trim()).join("");
  const met = new Set(known), fresh = [];
  for (const one of document.querySelectorAll("[data-weigh]")) one.removeAttribute("data-weigh");
  for (const one of document.body.querySelectorAll("*")) {
    const written = words(one);
    if (!written && !one.matches(FIELDS)) continue;
    if (!one.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    const style = getComputedStyle(one);
    const box = one.getBoundingClientRect();
    // axe says nothing of a single letter, of what cannot be used, and of what lies beside the page.
    const unweighed = [written.length === 1, Boolean(one.closest(":disabled, [aria-disabled=true], [inert]")),
      Boolean(one.closest("label")?.control?.disabled), box.width < 2 || box.height < 2, box.right < 1 || box.bottom < 1];
    const key = hashed([innerWidth, one.tagName, ground(one), ...OWN.map((name) => style[name]), ...unweighed].join("|"));
    if (!all && met.has(key)) continue;
    met.add(key);
    fresh.push(key);
    one.setAttribute("data-weigh", "");
  }
  return fresh;
}"""
# Labels, headings and links into the page find the first of those that share an id; axe asks no more.
TWICE = """() => {
  const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
  return [...new Set(ids.filter((id, place) => ids.indexOf(id) !== place))];
}"""
# What reaches beyond the right edge, the most telling first; tables may scroll inside their own frame.
STICKS_OUT = """() => {
  const edge = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= edge) return [];
  return [...document.querySelectorAll("body *")].filter((one) => one.getBoundingClientRect().right > edge + 1)
    .slice(0, 3).map((one) => `${one.tagName}.${one.className}`);
}"""

_weighed: set[int] = set()


def looked_at(page: Page, looks: Iterable[tuple[int, str]]) -> list[str]:
    """Look at a page in these widths and themes; return what is wrong."""
    wrong: list[str] = []
    if not page.evaluate("() => 'axe' in window"):  # Half a megabyte; whoever looks at many pages sends it once.
        page.evaluate(AXE_SCRIPT)
    page.evaluate(CONFIGURED)
    wrong += [f"an id that stands twice: {one}" for one in page.evaluate(TWICE)]
    for width, theme in looks:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=theme)
        wrong += [f"sticks out at {width}: {one}" for one in page.evaluate(STICKS_OUT)]
        _weighed.update(page.evaluate(MARK, [sorted(_weighed), THOROUGH]))
        wrong += [f"{theme}, {width}: {one}" for one in page.evaluate(RUN)]
        if PICTURES:  # To be looked at by a person: what no rule of axe can say is whether a page is good to look at.
            name = re.sub(r"[^a-z0-9]+", "-", page.url.split("/", 3)[3].lower())[:60].strip("-") or "home"
            page.screenshot(path=Path(PICTURES) / f"{next(COUNT):03}-{name}-{width}-{theme}.png", full_page=True)
    return wrong
