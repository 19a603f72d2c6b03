// The rows of the chosen files, by the templates of the page.
import { mounted, mountedPicture } from "./grid.js";
import { words } from "./hash/device.js";

const chosen = document.getElementById("chosen");

export const filled = (sentence, values) => sentence.replace(/{(\w+)}/g, (_, name) => values[name]);
const copyOf = (id) => document.getElementById(id).content.firstElementChild.cloneNode(true);
const extensionOf = (name) => (name.split(".").pop() || "?").slice(0, 5).toUpperCase();
export const figure = (number) => number.toLocaleString(document.documentElement.lang);

export function sizeOf(bytes) {
  const [unit, of] = bytes < 1e3 ? ["byte", 1] : bytes < 1e6 ? ["kilobyte", 1e3] : ["megabyte", 1e6];
  const value = bytes / of;
  const options = { style: "unit", unit, maximumFractionDigits: value < 10 ? 1 : 0 };
  return new Intl.NumberFormat(document.documentElement.lang, options).format(value);
}

// The row of an item as it is now; `leave(item)` is called where it is to be left out.
export function rowOf(item, leave) {
  if (item.state === "open") return openRow(item, leave);
  const row = item.html ? parsed(item.html) : deviceRow(item);
  drawOn(row, item);
  return row;
}

function parsed(html) {
  const template = document.createElement("template");
  template.innerHTML = html; // a row of the server's, as it came
  return template.content.firstElementChild;
}

// Of a file that came to nothing here.
function deviceRow(item) {
  const row = copyOf(`${item.state}-row`);
  row.querySelector(".name").textContent = item.name;
  row.querySelector(".meta").textContent = sizeOf(item.size);
  row.querySelector(".extra p").textContent = item.sentence;
  return row;
}

function openRow(item, leave) {
  const row = copyOf("waiting-row");
  drawOn(row, item);
  row.querySelector("label .meta").textContent = `${item.name} · ${sizeOf(item.size)}`;
  const title = row.querySelector("input");
  title.value = item.title;
  title.setAttribute("aria-label", filled(chosen.dataset.title, { file: item.name }));
  title.addEventListener("input", () => { item.title = title.value; });
  const state = row.querySelector(".state p");
  if (item.part !== null) {
    const bar = document.createElement("progress");
    bar.setAttribute("aria-label", item.name);
    bar.value = item.part;
    const said = document.createElement("span");
    said.textContent = item.said;
    state.replaceChildren(bar, said);
  } else if (item.made && !item.said) {
    state.replaceChildren(copyOf("made-here"), item.code || item.passages ? "" : ` ${words("blank")}`);
  } else state.textContent = item.said || chosen.dataset.waiting;
  state.classList.toggle("error", item.wrong);
  const leaveOut = row.querySelector("button");
  leaveOut.setAttribute("aria-label", filled(chosen.dataset.leaveOut, { file: item.name }));
  leaveOut.addEventListener("click", () => leave(item));
  return row;
}

// The picture itself, or its fingerprint, or the end of its name; or the preview that the server's row shows.
function drawOn(row, item) {
  const place = row.querySelector(".thumb-none, .mount");
  if (item.preview) place.replaceWith(mountedPicture(item.preview));
  else if (place.matches(".mount")) return;
  else if (item.code) place.replaceWith(mounted(item.code));
  else place.textContent = extensionOf(item.name);
}
