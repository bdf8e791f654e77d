// Looks again every two seconds at what the house is still working on, and fills it in where it stands.
// [data-progress="how far"] is looked at as long as the page says so; it has an id. With data-swap its content is replaced
// when it is further; without, the page is loaded anew then. After 150 looks nobody looks any more, and that is said.

const EVERY = 2000;
const PATIENCE = 10000;
const MOST_LOOKS = 150;
let looks = 0;

const awaited = () => [...document.querySelectorAll("[data-progress]")];

function swap(region, fresh) {
  region.replaceChildren(...fresh.childNodes);
  if ("progress" in fresh.dataset) region.dataset.progress = fresh.dataset.progress;
  else delete region.dataset.progress;
}

function further(region, page) {
  const fresh = page.getElementById(region.id);
  const moved = fresh?.dataset.progress !== region.dataset.progress;
  if ("swap" in region.dataset) {
    if (fresh && moved) swap(region, fresh);
  } else if (moved) {
    location.reload();
  } else {
    region.replaceChildren(...fresh.childNodes);
  }
}

async function look() {
  // A question that was not answered, or not well, is asked again like any other.
  const asked = { headers: { Accept: "text/html" }, signal: AbortSignal.timeout?.(PATIENCE) };
  const answered = await fetch(location.href, asked)
    .then((answer) => (answer.ok ? answer.text() : null))
    .catch(() => null);
  if (answered !== null) {
    const page = new DOMParser().parseFromString(answered, "text/html");
    for (const region of awaited()) further(region, page);
  }
  await again();
}

async function again() {
  if (!awaited().length) return;
  looks += 1;
  if (looks > MOST_LOOKS) {
    for (const words of document.querySelectorAll("[data-progress-late]")) words.hidden = false;
    return;
  }
  setTimeout(look, EVERY);
}

again();
