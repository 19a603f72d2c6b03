// Sends what is registered, a few works in a request, each request under a key of its own (Idempotency-Key): sent again
// because its answer was lost, it has its effect once and gets the same answer. What was answered, and the request that
// is under way, are kept for this tab and this session, so that a reloaded page knows of both. A choice that holds for the
// next time, too, is kept by the browser, for the account that made it.

const TIMEOUT_MS = 60_000;
const MEMORY = "vorbehalt-register";

export class Lost extends Error {} // no answer, or one that may be better next time

// -- what this tab remembers ------------------------------------------------------------------------------------------
export class Memory {
  constructor(session) {
    this.name = `${MEMORY}:${session}:`;
    for (const key of Object.keys(sessionStorage)) { // another person's, who was signed in here before
      if (key.startsWith(MEMORY) && !key.startsWith(this.name)) sessionStorage.removeItem(key);
    }
  }

  keep(what, value) {
    try {
      sessionStorage.setItem(this.name + what, JSON.stringify(value));
      return true;
    } catch {
      return false; // full, or forbidden: then a reloaded page begins anew, and the server still doubles nothing
    }
  }

  recall(what) {
    return JSON.parse(sessionStorage.getItem(this.name + what) ?? "null");
  }

  forget(what) {
    sessionStorage.removeItem(this.name + what);
  }

  // All that was kept under names that begin so, in their order.
  all(begin) {
    const names = Object.keys(sessionStorage).filter((key) => key.startsWith(this.name + begin));
    const numbers = names.map((key) => Number(key.slice((this.name + begin).length))).sort((a, b) => a - b);
    return numbers.map((number) => this.recall(begin + number));
  }

  clear() {
    for (const key of Object.keys(sessionStorage)) if (key.startsWith(MEMORY)) sessionStorage.removeItem(key);
  }
}

// -- what this browser remembers for an account -------------------------------------------------------------------------
export function keptChoice(what, account) {
  try {
    return localStorage.getItem(`${MEMORY}:${what}:${account}`);
  } catch {
    return null; // forbidden
  }
}

export function keepChoice(what, account, value) {
  try {
    localStorage.setItem(`${MEMORY}:${what}:${account}`, value);
  } catch {
    // full, or forbidden: then it is chosen anew the next time
  }
}

// -- requests ---------------------------------------------------------------------------------------------------------
// A request as it can be repeated: `fields` are pairs of name and text, `parts` pairs of name and bytes, in base64.
export async function request(fields, parts) {
  const encoded = await Promise.all(parts.map(async ([name, blob]) => [name, await base64(blob)]));
  return { key: crypto.randomUUID(), fields, parts: encoded };
}

export function bodyOf({ fields, parts }) {
  const body = new FormData();
  for (const [name, text] of fields) body.append(name, text);
  for (const [name, data] of parts) body.append(name, new Blob([bytesOf(data)]), name);
  return body;
}

// The answer, whatever it says; `Lost` if there is none, or not all of it. `progressed` hears which part of the body has
// gone out. `ok`: the answer has a row for each work; else it is a page that says what is wrong.
export function post(address, key, body, progressed = null) {
  return new Promise((resolve, reject) => {
    const sending = new XMLHttpRequest();
    sending.open("POST", address);
    sending.setRequestHeader("X-Part", "result");
    sending.setRequestHeader("Idempotency-Key", key);
    if (progressed) sending.upload.addEventListener("progress", (event) => progressed(event.loaded / (event.total || 1)));
    else sending.timeout = TIMEOUT_MS;
    const lost = () => reject(new Lost());
    for (const type of ["error", "timeout", "abort"]) sending.addEventListener(type, lost);
    sending.addEventListener("load", () => {
      if (sending.status >= 500 || sending.status === 429) return lost();
      const ok = sending.status === 200 && sending.responseURL === address; // not the page for signing in again
      const text = sending.responseText.trimEnd();
      if (ok && !text.endsWith("</li>")) return lost();
      resolve({ ok, page: new DOMParser().parseFromString(text, "text/html") });
    });
    sending.send(body);
  });
}

async function base64(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
