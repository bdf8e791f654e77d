// The theme switch: keeps the choice in a cookie, so that the server writes it into the next page and nothing flashes.
const YEAR = 60 * 60 * 24 * 365;
const root = document.documentElement;

function choose(theme) {
  const chosen = theme === "light" || theme === "dark";
  if (chosen) root.dataset.bsTheme = theme;
  else delete root.dataset.bsTheme;
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `theme=${chosen ? theme : ""}; path=/; max-age=${chosen ? YEAR : 0}; samesite=lax${secure}`;
}

for (const controls of document.querySelectorAll("[data-theme-switch]")) {
  const current = controls.querySelector(`input[value="${root.dataset.bsTheme ?? "system"}"]`);
  if (current) current.checked = true;
  controls.hidden = false;
  controls.addEventListener("change", (event) => choose(event.target.value));
}
