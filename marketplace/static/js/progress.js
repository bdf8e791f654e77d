// Looks again every two seconds how far a file is, until it has arrived where it stays.

const region = document.querySelector("[data-progress]");
const begun = region?.dataset.progress;

async function look() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.querySelector("[data-progress]");
  if (!fresh || fresh.dataset.progress !== begun) {
      location.reload();
      return;
  }
  region.replaceChildren(...fresh.childNodes);
  setTimeout(look, 2000);
}

if (region) setTimeout(look, 2000);
