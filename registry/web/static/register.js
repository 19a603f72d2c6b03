// Sends files one by one with progress, so that one bad file or a lost connection spoils nothing. Without script the
// form sends them all at once, and the answer is a page with the same results.
"use strict";

const form = document.getElementById("register");
const pick = document.getElementById("files");
const drop = document.getElementById("drop");
const chosen = document.getElementById("chosen");
const rows = document.getElementById("rows");
const count = document.getElementById("count");
const button = form.querySelector("[type=submit]");
const items = [];

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function titleOf(name) {
  return name.replace(/\.[^.]*$/, "").replace(/[_\s]+/g, " ").trim();
}

function add(files) {
  for (const file of files) {
    const row = element("li", "file");
    const mark = element("div", "thumb-none", (file.name.split(".").pop() || "?").slice(0, 5).toUpperCase());
    mark.setAttribute("aria-hidden", "true");
    const label = element("label", "field");
    label.append(element("span", "meta", file.name));
    const title = element("input", "input");
    title.maxLength = 500;
    title.value = titleOf(file.name);
    title.setAttribute("aria-label", chosen.dataset.title.replace("{file}", file.name));
    label.append(title);
    const state = element("div", "state");
    state.append(element("span", "meta", chosen.dataset.waiting));
    row.append(mark, label, state);
    rows.append(row);
    items.push({ file, row, title, state, done: false });
  }
  pick.value = "";
  chosen.hidden = items.length === 0;
  document.getElementById("one-title").hidden = items.length > 0;
  tell();
}

function tell() {
  const done = items.filter((item) => item.done).length;
  const all = done > 0 && done === items.length;
  document.getElementById("about").hidden = all;
  document.getElementById("onward").hidden = !all;
  button.hidden = all;
  count.textContent = chosen.dataset.ready.replace("{done}", done).replace("{all}", items.length);
}

function send(item) {
  const body = new FormData(form);
  body.delete("file");
  body.set("title", item.title.value);
  body.append("file", item.file);
  const bar = element("progress");
  bar.max = 1;
  bar.value = 0;
  bar.setAttribute("aria-label", item.file.name);
  const said = element("span", "meta", "0 %");
  item.state.replaceChildren(bar, said);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.setRequestHeader("X-Part", "result");
    request.upload.addEventListener("progress", (event) => {
      const part = event.total ? event.loaded / event.total : 0;
      bar.value = part;
      said.textContent = part < 1 ? `${Math.floor(part * 100)} %` : chosen.dataset.sending;
    });
    request.addEventListener("load", () => resolve(request));
    request.addEventListener("error", () => reject(new Error("network")));
    request.send(body);
  });
}

// Something in the form is wrong for all files: show it at its field and send nothing more.
function refused(item, page) {
  const answered = page.getElementById("about");
  if (answered) document.getElementById("about").replaceWith(answered);
  document.getElementById("one-title").hidden = true;
  const said = page.querySelector(answered ? ".notice-bad p, .error" : "h1");
  item.state.replaceChildren(element("span", "error", said ? said.textContent : chosen.dataset.failed));
  document.querySelector("[aria-invalid=true], #about")?.focus();
}

async function registerAll() {
  button.disabled = true;
  try {
    for (const item of items.filter((waiting) => !waiting.done)) {
      const answer = await send(item);
      const page = new DOMParser().parseFromString(answer.responseText, "text/html");
      if (answer.status !== 200) return refused(item, page);
      const result = page.querySelector(".file");
      item.row.replaceWith(result);
      item.row = result;
      item.done = true;
      tell();
    }
  } catch {
    for (const item of items.filter((waiting) => !waiting.done)) {
      item.state.replaceChildren(element("span", "meta", chosen.dataset.waiting));
    }
    count.textContent = chosen.dataset.failed;
  } finally {
    button.disabled = false;
  }
}

pick.addEventListener("change", () => add([...pick.files]));
for (const type of ["dragenter", "dragover"]) {
  drop.addEventListener(type, (event) => { event.preventDefault(); drop.classList.add("is-over"); });
}
drop.addEventListener("dragleave", () => drop.classList.remove("is-over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("is-over");
  add([...event.dataTransfer.files]);
});
form.addEventListener("submit", (event) => {
  if (items.length === 0) return;
  event.preventDefault();
  registerAll();
});
