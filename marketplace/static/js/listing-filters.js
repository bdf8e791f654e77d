// Filters answer at once: the same address is fetched and its [data-live-region]s swapped. Without this the form is sent.
const form = document.querySelector("form[data-live]");
let pending = null;

function address() {
  const query = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (value) query.append(name, value);
  const words = query.toString();
  return new URL(words ? `${form.action.split("?")[0]}?${words}` : form.action.split("?")[0], location.href);
}

function matchForm(url) {
  for (const field of form.elements) {
    if (!field.name) continue;
    const values = url.searchParams.getAll(field.name);
    const first = form.querySelector(`[name="${field.name}"]`);
    if (field.type === "checkbox") field.checked = values.includes(field.value);
    else if (field.type === "radio") field.checked = values.length ? values.includes(field.value) : field === first;
    else if (field.tagName === "SELECT") field.value = values[0] ?? field.options[0]?.value ?? "";
    else if (field.type !== "submit") field.value = values[0] ?? "";
  }
}

function swap(page) {
  document.title = page.title;
  const focused = document.activeElement?.id;
  for (const region of document.querySelectorAll("[data-live-region]")) {
    const fresh = page.getElementById(region.id);
    if (!fresh) continue;
    // What was unfolded stays so, and whoever was on a filter stays on it.
    const unfolded = [...region.querySelectorAll("details[open][id]")].map((fold) => fold.id);
    region.replaceChildren(...fresh.childNodes);
    for (const id of unfolded) document.getElementById(id)?.setAttribute("open", "");
  }
  if (focused && document.activeElement?.id !== focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

async function show(url, { push = true, scroll = false } = {}) {
  pending?.abort();
  pending = new AbortController();
  const results = document.querySelector("#results");
  results?.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(url, { signal: pending.signal, headers: { Accept: "text/html" } });
    if (!answer.ok) throw new Error(`answered ${answer.status}`);
    swap(new DOMParser().parseFromString(await answer.text(), "text/html"));
    if (push) history.pushState(null, "", url);
    results?.removeAttribute("aria-busy");
    if (scroll) results?.scrollIntoView();
  } catch (error) {
    // A newer question overtook this one; anything else is left to the browser, which says what is wrong.
    if (error.name !== "AbortError") location.assign(url);
  }
}

if (form) {
  form.addEventListener("change", () => show(address()));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    show(address());
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-live-region] a[data-live-link]");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    const url = new URL(link.href);
    matchForm(url);
    show(url, { scroll: true });
    document.querySelector("#results")?.focus({ preventScroll: true });
  });
  addEventListener("popstate", () => {
    const url = new URL(location.href);
    matchForm(url);
    show(url, { push: false });
  });
}
