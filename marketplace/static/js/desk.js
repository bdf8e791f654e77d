// The verifier's keys: J and K through the queue; every other key belongs to the element that names it in `data-key`.
// A key opens, focuses or takes; nothing is decided by a key alone but the yes with Ctrl and Enter, in its own form.
const MEANT_FOR_THE_LAST = 700;
const opened = performance.now();
const links = [...document.querySelectorAll("[data-queue] a")];

// Where the decision is made: the next Tab, and Ctrl with Enter, begin there. Nothing scrolls away from the documents.
document.querySelector("[data-focus]")?.focus({ preventScroll: true });

function step(by) {
  const shown = links.findIndex((link) => link.getAttribute("aria-current"));
  if (shown >= 0) {
    links[shown + by]?.click();
    return;
  }
  const focused = links.indexOf(document.activeElement);
  links[Math.min(Math.max(focused + by, 0), links.length - 1)]?.focus();
}

// The case under the keyboard becomes the verifier's own; where nobody may take it there is no such button.
function claim() {
  const button = document.activeElement?.closest("[data-queue] li")?.querySelector("form button");
  button?.click();
  return Boolean(button);
}

function zoom(by) {
  const sizes = [...document.querySelectorAll("input[name=zoom]")];
  const next = sizes[sizes.findIndex((size) => size.checked) + by];
  if (next) next.checked = true;
}

function use(key) {
  const element = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  if (!element) return false;
  if (element.matches("details")) {
    element.open = true;
    element.querySelector("input:not([type=hidden]), textarea, button")?.focus();
  } else if (element.matches("input")) element.focus();
  else if (element.matches("a")) element.click();
  else element.querySelector("button").click();
  return true;
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    // The next case opens by itself: keys that were meant for the one before it decide nothing here.
    if (event.repeat || performance.now() - opened < MEANT_FOR_THE_LAST) return;
    const form = event.target.closest("form") ?? event.target.closest("article")?.querySelector("form");
    form?.querySelector("button[formaction]")?.click();
    return;
  }
  // In a panel that is being filled in, letters are letters, also beside the field they were meant for.
  const typing = event.target.closest(
    "input:not([type=radio], [type=checkbox]), textarea, select, details[data-key] input",
  );
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const key = event.key.toUpperCase();
  if (key === "J") step(1);
  else if (key === "K") step(-1);
  else if (key === "+" || key === "-") zoom(key === "+" ? 1 : -1);
  else if (!/^[A-Z]$/.test(key) || !((key === "C" && claim()) || use(key))) return;
  event.preventDefault();
});

// One panel at a time.
for (const panel of document.querySelectorAll("details[data-key]")) {
  panel.addEventListener("toggle", () => {
    if (!panel.open) return;
    for (const other of document.querySelectorAll("details[data-key]")) if (other !== panel) other.open = false;
  });
}
