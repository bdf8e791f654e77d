// A form is sent once, however often it is pressed; one with data-keep="name" survives a reload or an expired session,
// and is forgotten as soon as what was sent has led to another page.
const SKIPPED = new Set(["password", "file", "hidden", "submit", "button"]);

const fields = (form) => [...form.elements].filter((field) => field.name && !SKIPPED.has(field.type));
const here = location.pathname + location.search;
// Of the person who typed it: at one browser several people may sign in, one after the other.
const who = document.body.dataset.person ?? "";
const keyOf = (form) => `kept:${who}:${here}:${form.dataset.keep}`;

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
  form.addEventListener("submit", () => sessionStorage.setItem(SENT, JSON.stringify({ key, from: here })));
}

// Wherever a form led to when it was sent, it was taken; unless it was refused, there or on a page of its own, or somebody
// is asked first who they are.
const SENT = "sent";
const sent = JSON.parse(sessionStorage.getItem(SENT) ?? "null");
const asksWho = document.querySelector("main [autocomplete='current-password'], main [autocomplete='one-time-code']");
const refused = document.querySelector("main .refusal");
if (sent && sent.from !== here && !asksWho && !refused) {
  sessionStorage.removeItem(sent.key);
  sessionStorage.removeItem(SENT);
}

for (const form of document.querySelectorAll("form[data-guard]")) guard(form);
for (const form of document.querySelectorAll("form[data-keep]")) keep(form);

// Whoever signs out leaves nothing behind of what they typed.
document.querySelector("form[action$='/sign-out']")?.addEventListener("submit", () => sessionStorage.clear());

// The browser's back button may bring the page back as it was left: pressed.
addEventListener("pageshow", (event) => {
  if (event.persisted) release();
});
