// The verifier's keys: J and K through the queue, V, R and I open a panel and put the focus into it. Nothing is decided by a key alone.
const links = [...document.querySelectorAll("[data-queue] a")];

function step(by) {
  const shown = links.findIndex((link) => link.getAttribute("aria-current"));
  if (shown >= 0) {
    links[shown + by]?.click();
    return;
  }
  const focused = links.indexOf(document.activeElement);
  links[Math.min(Math.max(focused + by, 0), links.length - 1)]?.focus();
}

function open(key) {
  const panel = document.querySelector(`details[data-key="${key}"]`);
  if (!panel) return;
  panel.open = true;
  panel.querySelector("input:not([type=hidden]), textarea, button")?.focus();
}

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input:not([type=radio]), textarea, select");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const key = event.key.toUpperCase();
  if (key === "J") step(1);
  else if (key === "K") step(-1);
  else if (["V", "R", "I"].includes(key)) open(key);
  else return;
  event.preventDefault();
});

// One panel at a time.
for (const panel of document.querySelectorAll("details[data-key]")) {
  panel.addEventListener("toggle", () => {
    if (!panel.open) return;
    for (const other of document.querySelectorAll("details[data-key]")) if (other !== panel) other.open = false;
  });
}
