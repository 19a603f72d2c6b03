// Makes the fingerprints of files here, each as soon as it is chosen, and sends them a few at a time: one bad file or a
// lost connection spoils nothing. What a browser cannot read exactly is sent as a file, if its maker agrees. Without
// script the form sends all files at once, and the answer is a page with the same results.
import { droppedFiles, isLitter } from "./dropped.js";
import { FileList } from "./filelist.js";
import { figure, filled, rowOf, sizeOf } from "./filerows.js";
import { hashed, words } from "./hash/device.js";
import { Lost, Memory, bodyOf, keepChoice, keptChoice, post, request } from "./sending.js";

const form = document.getElementById("register");
const pick = document.getElementById("files");
const folder = document.getElementById("folder");
const drop = document.getElementById("drop");
const send = document.getElementById("send");
const chosen = document.getElementById("chosen");
const count = document.getElementById("count");
const making = document.getElementById("making");
const ledger = document.getElementById("ledger");
const unsent = document.getElementById("unsent");
const asks = document.getElementById("asks");
const button = form.querySelector("[type=submit]");
const mostBytes = Number(form.dataset.most); // of a request
const mostAtOnce = Number(form.dataset.atOnce); // works of a request
const steps = { read: 1, decode: 2, hash: 3 };
const AGAIN_MS = 5_000;
const ADDED_AT_ONCE = 50;
const memory = new Memory(form.csrf.value.slice(0, 16));
const list = new FileList(chosen, (item) => rowOf(item, leave), tell);
const sent = { codes: 0, bytes: 0 };
const byDigest = new Map();
let adding = Promise.resolve();
let pending = memory.recall("pending"); // the request whose answer is not there yet
let missing = 0; // files that were chosen before the page was reloaded, and are not on record
let lost = null; // a timer, while there is no connection
let wanted = false; // all that could be registered is, and the rest waits for an answer

const titleOf = (name) => name.replace(/\.[^.]*$/, "").replace(/[_\s]+/g, " ").trim();
const isOpen = (item) => item.state === "open";
const isAsked = (item) => isOpen(item) && item.sends && !item.agreed; // may this file be sent?
const isNext = (item) => isOpen(item) && !isAsked(item);

// -- the files --------------------------------------------------------------------------------------------------------
// An item is a file and what became of it. `state`: "open" until it is known, then that of its row; `said`: what goes on.
function add(files) {
  pick.value = folder.value = "";
  adding = adding.then(() => addSome(files));
}

// The page is not to stand still meanwhile.
async function addSome(files) {
  for (let start = 0; start < files.length; start += ADDED_AT_ONCE) {
    const added = files.slice(start, start + ADDED_AT_ONCE).map((file) => ({
      file, name: file.name, size: file.size, title: titleOf(file.name), state: "open", said: "", part: null, made: false,
      found: null, preview: null, passages: null, sends: false, wrong: false, html: "",
    }));
    list.add(added);
    for (const item of added) item.ready = look(item);
    missing = 0;
    await new Promise((resolve) => setTimeout(resolve));
  }
}

// Make the fingerprint, and say what comes of the file.
async function look(item) {
  const answer = await hashed(item.file, (step) => progress(item, steps[step] / 4, words(step)), true);
  if (!list.items.includes(item)) return;
  item.part = null;
  item.said = "";
  item.looked = true;
  if (answer.is === "refused") settle(item, "refused", words(answer.why));
  else if (answer.is === "send" && item.size > mostBytes) settle(item, "refused", words("too-large"));
  else if (answer.is === "send") {
    item.sends = true;
    item.why = words(answer.why);
    item.said = `${item.why} ${chosen.dataset.ask}`;
  } else if (!isTwice(item, digestOf(answer.found))) {
    item.found = answer.found;
    item.preview = answer.preview ?? null;
    item.passages = answer.passages ? new Blob([answer.passages]) : null;
    item.code = codeToDraw(answer.found.codes);
    item.made = true;
  }
  list.changed(item);
  list.tell();
}

const digestOf = (found) => found.codes.find((code) => code.algorithm === "digest.sha256.v1").code;

function codeToDraw(codes) {
  const full = (name) => codes.find((code) => code.kind === "full" && code.algorithm === name)?.code;
  return full("image.phash256.v1") ?? full("image.dhash256.v1");
}

// The same bytes as another file of the list. One that was registered before the page was reloaded is there already;
// one that was refused is tried again.
function isTwice(item, digest) {
  const first = byDigest.get(digest);
  const again = !first || first.state === "refused";
  if (again) byDigest.set(digest, item);
  if (first && again) list.remove(first);
  else if (first?.file) settle(item, "twice", filled(chosen.dataset.twice, { file: first.name }));
  else if (first) list.remove(item);
  item.digest = digest;
  return !again;
}

// Nothing is to be sent of this file: why.
function settle(item, state, sentence) {
  item.state = state;
  item.sentence = sentence;
}

function leave(item) {
  const next = item.row.nextElementSibling ?? item.row.previousElementSibling;
  if (byDigest.get(item.digest) === item) byDigest.delete(item.digest);
  list.remove(item);
  (next?.querySelector("button") ?? document.querySelector("label[for=files]").previousElementSibling).focus();
  list.tell();
}

function progress(item, part, said) {
  item.part = part;
  item.said = said;
  const bar = item.row?.querySelector("progress");
  if (!bar) return list.changed(item);
  bar.value = part;
  item.row.querySelector(".state span").textContent = said;
}

function tell() {
  const items = list.items;
  const open = items.filter(isOpen).length;
  const read = items.filter((item) => !item.file || item.looked).length;
  const all = items.length > 0 && open === 0;
  chosen.hidden = items.length === 0;
  document.getElementById("one-title").hidden = items.length > 0;
  for (const id of ["previews", "about"]) document.getElementById(id).hidden = all;
  document.getElementById("onward").hidden = !all;
  button.hidden = all;
  const counted = { done: figure(items.length - open), all: figure(items.length) };
  const said = lost === null ? filled(chosen.dataset.ready, counted) : chosen.dataset.failed;
  if (count.textContent !== said) count.textContent = said;
  making.hidden = read === items.length;
  making.querySelector("progress").value = items.length ? read / items.length : 0;
  making.querySelector("span").textContent = filled(chosen.dataset.read, { read: figure(read), all: figure(items.length) });
  const asked = items.filter(isAsked).length;
  asks.hidden = asked === 0;
  const question = filled(asks.dataset.asked, { count: figure(asked) });
  if (asked && asks.firstElementChild.textContent !== question) asks.firstElementChild.textContent = question;
  unsent.hidden = missing === 0 || lost !== null || button.disabled;
  const apart = { left: figure(missing), done: figure(items.length - open) };
  unsent.querySelector("p").textContent = filled(unsent.dataset.left, apart);
  ledger.hidden = sent.codes + sent.bytes === 0;
  ledger.querySelector(".badge-device span").textContent =
    filled(chosen.dataset.ledger, { codes: figure(sent.codes), bytes: sizeOf(sent.bytes) });
}

// -- sending ----------------------------------------------------------------------------------------------------------
const isSentWhole = (item) => item.sends || (send.checked && !item.passages && item.size <= mostBytes);
const isSentAlone = (item) => isSentWhole(item) || item.passages; // a text's fingerprints are as long as the text
const keepsPreviews = () => new FormData(form).get("preview") === "keep";

function aboutAll() {
  const fields = new FormData(form);
  for (const name of ["file", "title"]) fields.delete(name);
  return [...fields];
}

// What is next: one file, the fingerprints of a text, or those of as many pictures as are ready.
function nextBatch(first) {
  if (isSentAlone(first)) return [first];
  const open = list.items.slice(list.items.indexOf(first)).filter(isNext);
  const end = open.findIndex((item) => !item.looked || isSentAlone(item));
  return open.slice(0, end < 0 ? open.length : end).slice(0, mostAtOnce);
}

async function sendAlone(item) {
  const whole = isSentWhole(item);
  const codes = whole ? [] : [["name", item.name], ["codes", JSON.stringify(item.found)]];
  item.request ??= await request([...aboutAll(), ["title", item.title], ...codes], []); // the same when it is sent again
  const body = bodyOf(item.request);
  if (whole) body.append("file", item.file);
  else body.append("passages-0", item.passages, "passages");
  const answer = await post(form.action, item.request.key, body, (part) =>
    progress(item, part, part < 1 ? `${Math.floor(part * 100)} %` : chosen.dataset.sending));
  if (!answer.ok) item.request = null;
  else if (whole) sent.bytes += item.size;
  else sent.codes += item.found.codes.length + 1;
  return answer;
}

// The request is kept until it was answered, and is sent again as it was.
async function sendCodes(items) {
  const fields = aboutAll();
  const parts = [];
  for (const [n, item] of items.entries()) {
    fields.push(["name", item.name], ["title", item.title], ["codes", JSON.stringify(item.found)]);
    if (item.preview && keepsPreviews()) parts.push([`preview-${n}`, item.preview]);
  }
  const kept = items.map(({ name, digest, code, found }) => ({ name, digest, code, codes: found.codes.length }));
  pending = { ...(await request(fields, parts)), items: kept };
  memory.keep("pending", pending);
  keepLeft();
  return sendAgain();
}

async function sendAgain() {
  const { key, items } = pending;
  const answer = await post(form.action, key, bodyOf(pending));
  if (answer.ok) for (const item of items) sent.codes += item.codes;
  return answer;
}

const keepLeft = () => memory.keep("left", missing + list.items.filter(isOpen).length);

function answered() {
  pending = null;
  memory.forget("pending");
}

// Each file has its row, in the order in which they were sent.
function take(items, answer) {
  const rows = [...answer.page.querySelectorAll(".file")];
  if (rows.length !== items.length) throw new Error(`${rows.length} answers for ${items.length} files`);
  for (const [n, item] of items.entries()) {
    item.state = rows[n].dataset.state;
    item.html = rows[n].outerHTML;
    item.part = null;
  }
  list.add(items.filter((item) => !list.items.includes(item))); // from before a reload, or left out too late
  const kept = items.map(({ name, digest, code, state, html }) => ({ name, digest, code, state, html }));
  memory.keep(`done:${Date.now()}`, kept);
  answered();
  keepLeft();
  for (const item of items) list.changed(item);
  list.tell();
}

// Something in the form is wrong for all files: show it at its field and send nothing more.
function refused(items, page) {
  answered();
  const about = page.getElementById("about");
  if (about) {
    const parts = document.getElementById("parts");
    document.getElementById("about").replaceWith(about);
    document.getElementById("parts")?.replaceWith(parts); // its box is ours, and may be ticked
  }
  document.getElementById("one-title").hidden = true;
  const said = page.querySelector(about ? ".notice-bad p, .error" : "h1");
  for (const item of items) {
    item.said = said ? said.textContent : chosen.dataset.failed;
    item.part = null;
    item.wrong = true;
    list.changed(item);
  }
  document.querySelector("[aria-invalid=true], #about")?.focus();
}

async function registerAll() {
  if (button.disabled) return;
  button.disabled = true;
  clearTimeout(lost);
  lost = null;
  let items = [];
  try {
    await adding;
    await askAgain();
    for (let next; (next = list.items.find(isNext)); ) {
      await next.ready;
      if (!isNext(next) || !list.items.includes(next)) continue;
      items = nextBatch(next);
      for (const item of items) Object.assign(item, { part: 0, said: "", wrong: false });
      for (const item of items) list.changed(item);
      const answer = await (isSentAlone(next) ? sendAlone(next) : sendCodes(items));
      if (!answer.ok) return refused(items, answer.page);
      take(items, answer);
    }
    wanted = list.items.some(isAsked);
    if (wanted) requestAnimationFrame(() => asks.focus()); // once it is shown
  } catch (error) {
    if (!(error instanceof Lost)) throw error;
    lost = setTimeout(registerAll, AGAIN_MS);
    for (const item of items.filter(isOpen)) {
      Object.assign(item, { part: null, said: chosen.dataset.waiting });
      list.changed(item);
    }
  } finally {
    button.disabled = false;
    list.tell();
  }
}

// A request whose answer was lost. Its files are in the list, unless the page was reloaded meanwhile.
async function askAgain() {
  if (!pending) return;
  const asked = pending.items;
  const answer = await sendAgain();
  if (!answer.ok) return answered();
  missing = Math.max(0, missing - asked.filter((kept) => !byDigest.has(kept.digest)).length);
  take(asked.map((kept) => byDigest.get(kept.digest) ?? restored({ ...kept, state: "open" })), answer);
}

// -- may what the browser cannot read be sent? ------------------------------------------------------------------------
function agree() {
  for (const item of list.items.filter(isAsked)) {
    item.agreed = true;
    item.said = `${item.why} ${chosen.dataset.send}`;
    list.changed(item);
  }
  if (wanted) registerAll();
  else button.focus();
}

function decline() {
  for (const item of list.items.filter(isAsked)) list.remove(item);
  pick.focus();
}

// -- what was there before the page was reloaded ----------------------------------------------------------------------
function restored(kept) {
  const item = { ...kept, file: null, size: 0, looked: true };
  if (kept.digest) byDigest.set(kept.digest, item);
  return item;
}

function restore() {
  const before = memory.all("done:").flat();
  const left = memory.recall("left");
  if (left === 0 && performance.getEntriesByType("navigation")[0]?.type === "navigate") return memory.clear();
  list.add(before.map(restored));
  missing = left ?? 0;
  if (pending) registerAll();
}

// -- what was chosen the last time --------------------------------------------------------------------------------------
function rememberPreviews() {
  const choices = form.querySelectorAll("[name=preview]");
  for (const choice of choices) {
    if (choice.value === keptChoice("preview", form.dataset.account)) choice.checked = true;
    choice.addEventListener("change", () => keepChoice("preview", form.dataset.account, choice.value));
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
const [yes, no] = asks.querySelectorAll("button");
yes.addEventListener("click", agree);
no.addEventListener("click", decline);
addEventListener("online", () => { if (lost !== null) registerAll(); });
form.addEventListener("submit", (event) => {
  if (list.items.length === 0) return;
  event.preventDefault();
  registerAll();
});
rememberPreviews();
restore();
add([...pick.files]); // chosen before this script was there
