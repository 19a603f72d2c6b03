// The page's side of the worker: files in, answers out, a few at a time. Loads nothing until there is a file.

const MOST_BYTES = 256 * 2 ** 20;
const WORKERS = Math.max(1, Math.min(2, (navigator.hardwareConcurrency ?? 2) - 1));
const EXACT = new Set(["format", "inks", "turned", "half-transparent"]); // one sentence for all of these
const TOO_MUCH = new Set(["large", "failed"]);

const idle = [];
const waiting = [];
const running = new Map();
let started = 0;

// { is: "device", found }, { is: "send", why } or { is: "refused", why }; see worker.js. `said(step)` as it goes on. With
// `draw`, what was hashed here has a `preview` beside it, a Blob or null.
export function hashed(file, said = () => {}, draw = false) {
  if (file.size > MOST_BYTES) return Promise.resolve({ is: "refused", why: "huge" });
  return new Promise((resolve) => {
    waiting.push({ file, draw, said, resolve });
    next();
  });
}

// The page's own sentence for a step or a reason.
export function words(key) {
  const name = EXACT.has(key) ? "exact" : TOO_MUCH.has(key) ? "failed" : key;
  const terms = [...document.getElementById("device-words").content.querySelectorAll("dt")];
  return terms.find((term) => term.textContent === name)?.nextElementSibling.textContent ?? "";
}

function next() {
  if (!waiting.length) return;
  const worker = idle.pop() ?? (started < WORKERS ? start() : null);
  if (!worker) return;
  const job = waiting.shift();
  running.set(worker, job);
  worker.postMessage({ file: job.file, draw: job.draw });
}

function start() {
  started += 1;
  const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
  worker.addEventListener("message", ({ data }) => {
    if (data.step) return running.get(worker).said(data.step);
    finish(worker, data);
    idle.push(worker);
    next();
  });
  worker.addEventListener("error", (event) => {
    event.preventDefault();
    worker.terminate();
    started -= 1;
    finish(worker, { is: "send", why: "failed" });
    next();
  });
  return worker;
}

function finish(worker, answer) {
  running.get(worker)?.resolve(answer);
  running.delete(worker);
}
