// What may be meant, while somebody types: a combobox as in the ARIA patterns. Without this the box searches all the same.
const PAUSE = 140;
const SPANISH = document.documentElement.lang === "es";
const [ALL, NO, ONE] = SPANISH ? ["Sugerencias", "Sin", "sugerencia"] : ["Suggestions", "No", "suggestion"];

function option(box, entry, number) {
  const row = document.createElement("li");
  row.id = `${box.id}-option-${number}`;
  row.setAttribute("role", "option");
  row.setAttribute("aria-selected", "false");
  row.dataset.address = entry.address;
  const words = document.createElement("span");
  words.textContent = entry.words;
  const more = document.createElement("span");
  more.className = "suggestion-what";
  more.textContent = `${entry.what} \u00b7 ${entry.units.toLocaleString("en-US")}`;
  row.append(words, more);
  return row;
}

function combobox(box) {
  const list = document.createElement("ul");
  list.id = `${box.id}-options`;
  list.className = "suggestions";
  list.hidden = true;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", ALL);
  const said = document.createElement("span");
  said.className = "visually-hidden";
  said.setAttribute("role", "status");
  box.after(list, said);
  box.setAttribute("role", "combobox");
  box.setAttribute("aria-autocomplete", "list");
  box.setAttribute("aria-expanded", "false");
  box.setAttribute("aria-controls", list.id);
  let waiting = 0;
  let asking = null;
  let active = -1;

  function close() {
    list.hidden = true;
    active = -1;
    box.setAttribute("aria-expanded", "false");
    box.removeAttribute("aria-activedescendant");
  }

  function mark(number) {
    const rows = [...list.children];
    rows[active]?.setAttribute("aria-selected", "false");
    active = (number + rows.length + 1) % (rows.length + 1);
    if (active === rows.length) active = -1;
    if (active < 0) return box.removeAttribute("aria-activedescendant");
    rows[active].setAttribute("aria-selected", "true");
    rows[active].scrollIntoView({ block: "nearest" });
    box.setAttribute("aria-activedescendant", rows[active].id);
  }

  async function ask() {
    asking?.abort();
    const typed = box.value.trim();
    if (typed.length < 2) return close();
    asking = new AbortController();
    try {
      const answer = await fetch(`${box.dataset.suggest}?q=${encodeURIComponent(typed)}`, { signal: asking.signal });
      if (!answer.ok) return close();
      const found = await answer.json();
      active = -1;
      box.removeAttribute("aria-activedescendant");
      list.replaceChildren(...found.map((entry, number) => option(box, entry, number)));
      list.hidden = !found.length || document.activeElement !== box;
      box.setAttribute("aria-expanded", String(!list.hidden));
      said.textContent = `${found.length || NO} ${ONE}${found.length === 1 ? "" : "s"}`;
    } catch (error) {
      // Another letter was typed, or the network is away: the search itself needs none of this.
      if (error.name !== "AbortError") close();
    }
  }

  box.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(ask, PAUSE);
  });
  box.addEventListener("blur", close);
  box.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !list.hidden) close();
    else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && list.children.length) {
      if (list.hidden) {
        list.hidden = false;
        box.setAttribute("aria-expanded", "true");
      }
      mark(active < 0 && event.key === "ArrowUp" ? list.children.length - 1 : active + (event.key === "ArrowDown" ? 1 : -1));
    } else if (event.key === "Enter" && active >= 0) location.assign(list.children[active].dataset.address);
    else return;
    event.preventDefault();
  });
  // Pressing the mouse must not take the focus away first.
  list.addEventListener("mousedown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => {
    const row = event.target.closest("[role=option]");
    if (row) location.assign(row.dataset.address);
  });
}

document.querySelectorAll("input[data-suggest]").forEach(combobox);
