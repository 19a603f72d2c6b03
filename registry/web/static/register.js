// Makes the fingerprints of pictures here, each as soon as it is chosen, and sends them one by one: one bad file or a
// lost connection spoils nothing. Texts, and what a browser cannot read exactly, are sent as files. Without script the
// form sends all files at once, and the answer is a page with the same results.
import { droppedFiles, isLitter } from "./dropped.js";
import { mounted } from "./grid.js";
import { hashed, words } from "./hash/device.js";

const form = document.getElementById("register");
const pick = document.getElementById("files");
const folder = document.getElementById("folder");
const drop = document.getElementById("drop");
const send = document.getElementById("send");
const chosen = document.getElementById("chosen");
const rows = document.getElementById("rows");
const count = document.getElementById("count");
const ledger = document.getElementById("ledger");
const button = form.querySelector("[type=submit]");
const mostBytes = Number(form.dataset.most); // of a request
const steps = { read: 1, decode: 2, hash: 3 };
const sent = { codes: 0, bytes: 0 };
let items = [];
let lost = false;

const filled = (sentence, values) => sentence.replace(/{(\w+)}/g, (_, name) => values[name]);
const copyOf = (id) => document.getElementById(id).content.firstElementChild.cloneNode(true);
const titleOf = (name) => name.replace(/\.[^.]*$/, "").replace(/[_\s]+/g, " ").trim();

function sizeOf(bytes) {
  const [unit, of] = bytes < 1e3 ? ["byte", 1] : bytes < 1e6 ? ["kilobyte", 1e3] : ["megabyte", 1e6];
  const value = bytes / of;
  const options = { style: "unit", unit, maximumFractionDigits: value < 10 ? 1 : 0 };
  return new Intl.NumberFormat(document.documentElement.lang, options).format(value);
}

// -- the list ---------------------------------------------------------------------------------------------------------
function add(files) {
  for (const file of files) {
    const row = copyOf("waiting-row");
    row.querySelector(".thumb-none").textContent = extensionOf(file.name);
    row.querySelector("label .meta").textContent = `${file.name} · ${sizeOf(file.size)}`;
    const title = row.querySelector("input");
    title.value = titleOf(file.name);
    title.setAttribute("aria-label", filled(chosen.dataset.title, { file: file.name }));
    const item = { file, row, title, state: row.querySelector(".state p"), done: false, found: null, sends: false };
    const leaveOut = row.querySelector("button");
    leaveOut.setAttribute("aria-label", filled(chosen.dataset.leaveOut, { file: file.name }));
    leaveOut.addEventListener("click", () => leave(item));
    rows.append(row);
    items.push(item);
    item.ready = look(item);
  }
  pick.value = folder.value = "";
  tell();
}

const extensionOf = (name) => (name.split(".").pop() || "?").slice(0, 5).toUpperCase();

function leave(item) {
  const next = item.row.nextElementSibling ?? item.row.previousElementSibling;
  item.row.remove();
  items = items.filter((other) => other !== item);
  (next?.querySelector("button") ?? document.querySelector("label[for=files]").previousElementSibling).focus();
  tell();
}

// Make the fingerprint, and say what comes of the file.
async function look(item) {
  const answer = await hashed(item.file, (step) => progress(item, steps[step] / 4, words(step)));
  if (!items.includes(item)) return;
  if (answer.is === "refused") settle(item, "refused-row", words(answer.why));
  else if (answer.is === "send" && item.file.size > mostBytes) settle(item, "refused-row", words("too-large"));
  else if (answer.is === "send") {
    item.sends = true;
    item.state.textContent = `${words(answer.why)} ${chosen.dataset.send}`;
  } else if (!isTwice(item, answer.found)) {
    item.found = answer.found;
    const code = codeToDraw(answer.found.codes);
    if (code) item.row.querySelector(".thumb-none").replaceWith(mounted(code));
    item.state.replaceChildren(copyOf("made-here"), code ? "" : ` ${words("blank")}`);
  }
  tell();
}

const digestOf = (found) => found.codes.find((code) => code.algorithm === "digest.sha256.v1").code;

function codeToDraw(codes) {
  const full = (name) => codes.find((code) => code.kind === "full" && code.algorithm === name)?.code;
  return full("image.phash256.v1") ?? full("image.dhash256.v1");
}

function isTwice(item, found) {
  const digest = digestOf(found);
  const first = items.find((other) => other !== item && other.found && digestOf(other.found) === digest);
  if (first) settle(item, "twice-row", filled(chosen.dataset.twice, { file: first.file.name }));
  return Boolean(first);
}

// Nothing is to be sent of this file: why, in its row.
function settle(item, template, sentence) {
  const row = copyOf(template);
  row.querySelector(".thumb-none").textContent = extensionOf(item.file.name);
  row.querySelector(".name").textContent = item.file.name;
  row.querySelector(".meta").textContent = sizeOf(item.file.size);
  row.querySelector(".extra p").textContent = sentence;
  finish(item, row);
}

function finish(item, row) {
  item.row.replaceWith(row);
  item.row = row;
  item.done = true;
  tell();
}

function progress(item, part, said) {
  let bar = item.state.querySelector("progress");
  if (!bar) {
    bar = document.createElement("progress");
    bar.setAttribute("aria-label", item.file.name);
    item.state.replaceChildren(bar, document.createElement("span"));
  }
  bar.value = part;
  item.state.querySelector("span").textContent = said;
}

function tell() {
  const done = items.filter((item) => item.done).length;
  const all = done > 0 && done === items.length;
  chosen.hidden = items.length === 0;
  document.getElementById("one-title").hidden = items.length > 0;
  document.getElementById("about").hidden = all;
  document.getElementById("onward").hidden = !all;
  button.hidden = all;
  count.textContent = lost ? chosen.dataset.failed : filled(chosen.dataset.ready, { done, all: items.length });
  ledger.hidden = sent.codes + sent.bytes === 0;
  ledger.querySelector(".badge-device span").textContent =
    filled(chosen.dataset.ledger, { codes: sent.codes, bytes: sizeOf(sent.bytes) });
}

// -- sending ----------------------------------------------------------------------------------------------------------
function post(item) {
  const body = new FormData(form);
  body.delete("file");
  body.set("title", item.title.value);
  const whole = item.sends || (send.checked && item.file.size <= mostBytes);
  if (whole) body.append("file", item.file);
  else {
    body.append("name", item.file.name);
    body.append("codes", JSON.stringify(item.found));
  }
  progress(item, 0, "");
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.setRequestHeader("X-Part", "result");
    request.upload.addEventListener("progress", (event) => {
      const part = event.total ? event.loaded / event.total : 0;
      progress(item, part, part < 1 ? `${Math.floor(part * 100)} %` : chosen.dataset.sending);
    });
    request.addEventListener("load", () => {
      if (whole) sent.bytes += item.file.size;
      else sent.codes += item.found.codes.length;
      resolve(request);
    });
    request.addEventListener("error", () => reject(new Error("network")));
    request.send(body);
  });
}

// Something in the form is wrong for all files: show it at its field and send nothing more.
function refused(item, page) {
  const answered = page.getElementById("about");
  if (answered) {
    const parts = document.getElementById("parts");
    document.getElementById("about").replaceWith(answered);
    document.getElementById("parts")?.replaceWith(parts); // its box is ours, and may be ticked
  }
  document.getElementById("one-title").hidden = true;
  const said = page.querySelector(answered ? ".notice-bad p, .error" : "h1");
  item.state.textContent = said ? said.textContent : chosen.dataset.failed;
  item.state.classList.add("error");
  document.querySelector("[aria-invalid=true], #about")?.focus();
}

async function registerAll() {
  if (button.disabled) return;
  button.disabled = true;
  lost = false;
  const open = () => items.filter((item) => !item.done);
  try {
    for (const item of open()) {
      await item.ready;
      if (item.done || !items.includes(item)) continue;
      item.state.classList.remove("error");
      const answer = await post(item);
      const page = new DOMParser().parseFromString(answer.responseText, "text/html");
      if (answer.status !== 200) return refused(item, page);
      finish(item, page.querySelector(".file"));
    }
  } catch {
    lost = true;
    for (const item of open().filter((waiting) => waiting.state.querySelector("progress"))) {
      item.state.textContent = chosen.dataset.waiting;
    }
  } finally {
    button.disabled = false;
    tell();
  }
}

// -- choosing ---------------------------------------------------------------------------------------------------------
document.getElementById("sent").hidden = true;
for (const id of ["sent-not", "folders", "parts"]) document.getElementById(id).hidden = false;
pick.addEventListener("change", () => add([...pick.files]));
folder.addEventListener("change", () => add([...folder.files].filter((file) => !isLitter(file))));
for (const type of ["dragenter", "dragover"]) {
  drop.addEventListener(type, (event) => { event.preventDefault(); drop.classList.add("is-over"); });
}
drop.addEventListener("dragleave", () => drop.classList.remove("is-over"));
drop.addEventListener("drop", async (event) => {
  event.preventDefault();
  drop.classList.remove("is-over");
  add(await droppedFiles(event.dataTransfer));
});
addEventListener("online", () => { if (lost) registerAll(); });
form.addEventListener("submit", (event) => {
  if (items.length === 0) return;
  event.preventDefault();
  registerAll();
});
add([...pick.files]); // chosen before this script was there
