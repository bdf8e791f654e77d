// A form is sent once, however often it is pressed; one with data-keep="name" survives a reload or an expired session.
const SKIPPED = new Set(["password", "file", "hidden", "submit", "button"]);

const fields = (form) => [...form.elements].filter((field) => field.name && !SKIPPED.has(field.type));
const keyOf = (form) => `kept:${location.pathname}:${form.dataset.keep}`;

const said = new Map();

function release() {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  for (const [button, words] of said) {
    button.removeAttribute("aria-disabled");
    button.replaceChildren(...words);
  }
  said.clear();
}

function guard(form) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    const button = event.submitter;
    if (!button?.dataset.busy) return;
    said.set(button, [...button.childNodes]);
    button.replaceChildren(button.dataset.busy);
    // Not `disabled`: that would take the button's own name and value out of what is sent, and its focus.
    button.setAttribute("aria-disabled", "true");
  });
}

function keep(form) {
  const key = keyOf(form);
  const kept = JSON.parse(sessionStorage.getItem(key) ?? "{}");
  const untouched = !form.querySelector("[aria-invalid='true']");
  for (const field of fields(form)) {
    const value = kept[`${field.name}=${field.type === "radio" || field.type === "checkbox" ? field.value : ""}`];
    if (value === undefined || !untouched) continue;
    if (typeof value === "boolean") field.checked = value;
    else if (!field.value) field.value = value;
  }
  form.addEventListener("input", () => {
    const now = fields(form).map((field) =>
      field.type === "radio" || field.type === "checkbox"
        ? [`${field.name}=${field.value}`, field.checked]
        : [`${field.name}=`, field.value],
    );
    sessionStorage.setItem(key, JSON.stringify(Object.fromEntries(now)));
  });
}

// The page that thanks for a kept form names it, and it is forgotten.
for (const done of document.querySelectorAll("[data-kept-done]")) {
  for (const key of Object.keys(sessionStorage)) {
    if (key.startsWith("kept:") && key.endsWith(`:${done.dataset.keptDone}`)) sessionStorage.removeItem(key);
  }
}

for (const form of document.querySelectorAll("form[data-guard]")) guard(form);
for (const form of document.querySelectorAll("form[data-keep]")) keep(form);

// The browser's back button may bring the page back as it was left: pressed.
addEventListener("pageshow", (event) => {
  if (event.persisted) release();
});
