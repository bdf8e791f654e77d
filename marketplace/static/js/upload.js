// Shows how much of chosen files has been sent. Without this script the form is sent as any other.

function send(form, area) {
  const [progress, words] = [area.querySelector("progress"), area.querySelector("[data-upload-status]")];
  const request = new XMLHttpRequest();
  request.open("POST", form.action || location.href);
  request.setRequestHeader("X-Upload", "yes");
  request.upload.addEventListener("progress", (event) => {
    if (!event.lengthComputable) return;
    const sent = Math.floor((event.loaded / event.total) * 100);
    progress.value = sent;
    // Said at every quarter: a screen reader would speak without end.
    if (sent % 25 === 0) words.textContent = sent < 100 ? `${sent} % sent` : "All is sent. One moment…";
  });
  request.addEventListener("load", () => {
    if (request.status === 204) location.replace(location.pathname);
    else form.submit(); // The server has something else to say: it says it on a page of its own.
  });
  request.addEventListener("error", () => {
    delete area.dataset.sending;
    words.textContent = "The connection broke. Look at your connection, and send them again.";
    dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true })); // The form may be sent once more.
  });
  area.hidden = false;
  area.dataset.sending = "yes";
  request.send(new FormData(form));
}

for (const place of document.querySelectorAll("[data-upload]")) {
  const form = place.querySelector("form");
  const area = place.querySelector("[data-upload-progress]");
  form.addEventListener("submit", (event) => {
    if (![...form.querySelectorAll("input[type=file]")].some((input) => input.files.length)) return;
    event.preventDefault();
    if (!area.dataset.sending) send(form, area);
  });
}
