// A file field becomes a place to drop files: each shown with its picture and size, movable and removable.
// The files stay in the <input>, so the form is sent exactly as it would be without this script.
const sizeOf = (bytes) => (bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

async function thumbnail(file) {
  if (!file.type.startsWith("image/")) return null;
  const picture = await createImageBitmap(file, { resizeWidth: 128 }).catch(() => null);
  if (!picture) return null;
  const canvas = Object.assign(document.createElement("canvas"), { width: 128, height: 96 });
  const scale = Math.max(128 / picture.width, 96 / picture.height);
  const [width, height] = [picture.width * scale, picture.height * scale];
  canvas.getContext("2d").drawImage(picture, (128 - width) / 2, (96 - height) / 2, width, height);
  return canvas;
}

function element(tag, className, text) {
  return Object.assign(document.createElement(tag), { className, textContent: text });
}

function dropZone(zone) {
  const input = zone.querySelector("input[type=file]");
  const list = zone.querySelector("[data-drop-list]");
  const status = zone.querySelector("[data-drop-status]");
  const most = Number(zone.dataset.maxBytes) || Infinity;
  let files = [];

  function keep(next, said) {
    const carrier = new DataTransfer();
    files = input.multiple ? next : next.slice(-1);
    for (const file of files) carrier.items.add(file);
    input.files = carrier.files;
    list.replaceChildren(...files.map(row));
    status.textContent = said;
  }

  function action(label, name, move) {
    const button = element("button", "btn btn-outline-secondary btn-sm", label);
    button.type = "button";
    button.setAttribute("aria-label", `${label}: ${name}`);
    button.addEventListener("click", () => {
      move();
      (list.querySelector("button") ?? input).focus();
    });
    return button;
  }

  function row(file, index) {
    const item = document.createElement("li");
    const picture = element("span", "drop-kind", file.name.split(".").pop().toUpperCase().slice(0, 4));
    const tooBig = file.size > most;
    const words = element("span", tooBig ? "is-too-big" : "", `${file.name}, ${sizeOf(file.size)}`);
    if (tooBig) words.textContent += `: larger than ${sizeOf(most)}`;
    const actions = element("span", "row-actions", "");
    const others = files.filter((other) => other !== file);
    if (index > 0) {
      const earlier = () => keep([...others.slice(0, index - 1), file, ...others.slice(index - 1)], `${file.name} is now number ${index}.`);
      actions.append(action("Move up", file.name, earlier));
    }
    actions.append(action("Remove", file.name, () => keep(others, `${file.name} removed.`)));
    item.append(picture, words, actions);
    thumbnail(file).then((canvas) => canvas && picture.replaceWith(canvas));
    return item;
  }

  function add(added) {
    const fresh = [...added].filter((file) => !files.some((had) => had.name === file.name && had.size === file.size));
    keep([...files, ...fresh], `${files.length + fresh.length} chosen.`);
  }

  input.addEventListener("change", () => add(input.files));
  zone.addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.classList.add("is-over");
  });
  zone.addEventListener("dragleave", () => zone.classList.remove("is-over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("is-over");
    add(event.dataTransfer.files);
  });
}

document.querySelectorAll("[data-file-drop]").forEach(dropZone);
