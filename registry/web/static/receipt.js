// Checks the chosen receipt on this device, by the registry's policy or one's own, and sends nothing. Without script, or
// where the browser cannot verify signatures, the form sends the file to the registry as before.
import { Refused, policy, verified } from "./verifying.js";

const MOST_BYTES = 1 << 18;
const form = document.getElementById("check");
const pick = document.getElementById("receipt");
const own = document.getElementById("policy");
const result = document.getElementById("answer");
let toSend = false;
let asked = 0;

async function check() {
  const mine = ++asked;
  const file = pick.files[0];
  result.replaceChildren();
  document.querySelectorAll("[data-sent]").forEach((section) => section.remove());
  const answer = await answerFor(file);
  if (mine !== asked) return; // another file was chosen meanwhile
  answer.querySelector("[data-name]").textContent = file.name;
  result.replaceChildren(answer);
}

async function answerFor(file) {
  try {
    if (file.size > MOST_BYTES) throw new Refused("unreadable");
    const trusted = await policy(own.files[0] ? await own.files[0].text() : form.dataset.policy);
    return genuine(await verified(new Uint8Array(await file.arrayBuffer()), trusted));
  } catch (problem) {
    return problem instanceof Refused ? refused(problem.fault) : unable();
  }
}

const from = (id) => document.getElementById(id).content.cloneNode(true);
const number = new Intl.NumberFormat(document.documentElement.lang);

function genuine(found) {
  const answer = from("genuine");
  const fill = (name, text) => { answer.querySelector(`[data-${name}]`).textContent = text; };
  const keep = (name, isThere) => { if (!isThere) answer.querySelectorAll(`[data-${name}]`).forEach((line) => line.remove()); };
  fill("origin", found.origin);
  fill("index", number.format(found.index));
  fill("size", number.format(found.size));
  fill("entry", [found.text, found.row, found.work && JSON.stringify(found.work)].filter(Boolean).join("\n\n"));
  keep("row", found.row);
  keep("work", found.work);
  keep("use", found.leaf.t === "use");
  keep("alone", !found.witnessed.size);
  const witness = answer.querySelector("[data-witness]");
  for (const [name, time] of found.witnessed) {
    const line = witness.cloneNode(true);
    line.querySelector("span").textContent = `${name}, ${new Date(Number(time) * 1000).toISOString().slice(0, 19)}Z`;
    witness.before(line);
  }
  witness.remove();
  return answer;
}

function refused(fault) {
  const answer = from("refused");
  for (const line of answer.querySelectorAll("[data-fault]")) if (line.dataset.fault !== fault) line.remove();
  return answer;
}

function unable() {
  const answer = from("unable");
  answer.querySelector("button").addEventListener("click", () => { toSend = true; form.requestSubmit(); });
  return answer;
}

async function canVerify() {
  try {
    return Boolean(await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]));
  } catch {
    return false;
  }
}

if (await canVerify()) {
  document.getElementById("sent").hidden = true;
  for (const id of ["stays", "own"]) document.getElementById(id).hidden = false;
  form.addEventListener("submit", (event) => {
    if (toSend) return;
    event.preventDefault();
    check();
  });
}
