// Verifies a receipt against a witness policy on this device, as registry/core/records/receipts.py does, by WebCrypto.
// Every way out but the last line of `verified` throws: nothing is genuine by default. Entries are not checked member by
// member, as the program for labs does: that the log holds exactly this is what is proved.

export class Refused extends Error {
  constructor(fault, origin = null) {
    super(fault);
    this.fault = fault; // unreadable, other-log, unsigned, unwitnessed, changed, policy
    this.origin = origin;
  }
}

const MAGIC = "c2sp.org/tlog-proof@v1";
const DASH = "— ";
const ED25519 = 1, COSIGNATURE = 4;
const TYPES = new Set(["use", "optout", "licence", "tariff", "declaration", "settlement", "payout", "title", "key"]);
const BASE32 = "0123456789abcdefghjkmnpqrstvwxyz";
const utf8 = new TextEncoder();

const demand = (right, fault = "unreadable", origin = null) => { if (!right) throw new Refused(fault, origin); };
const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const same = (a, b) => a.length === b.length && a.every((byte, i) => byte === b[i]);
const sha256 = async (...parts) => new Uint8Array(await crypto.subtle.digest("SHA-256", joined(parts)));

function joined(parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) { all.set(part, at); at += part.length; }
  return all;
}

function base64(text, fault) {
  let data;
  try { data = atob(text); } catch { throw new Refused(fault ?? "unreadable"); }
  demand(btoa(data) === text, fault); // one spelling for each value
  return Uint8Array.from(data, (c) => c.charCodeAt(0));
}

function decimal(text, fault) {
  demand(/^(0|[1-9][0-9]{0,18})$/.test(text), fault);
  const value = BigInt(text);
  demand(value < 1n << 63n, fault);
  return value;
}

function decoded(bytes, fault) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Refused(fault ?? "unreadable");
  }
}

// The canonical form (RFC 8785) of what may be hashed: integers below 2^53, no lone surrogates, at most 64 deep.
function canonical(value, depth = 0) {
  demand(depth <= 64);
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "number") { demand(Number.isSafeInteger(value)); return String(value); }
  if (typeof value === "string") { demand(!/\p{Cs}/u.test(value)); return JSON.stringify(value); }
  if (Array.isArray(value)) return `[${value.map((item) => canonical(item, depth + 1)).join(",")}]`;
  return `{${Object.keys(value).sort().map((key) => `${canonical(key)}:${canonical(value[key], depth + 1)}`).join(",")}}`;
}

function parsed(text) {
  let value;
  try { value = JSON.parse(text); } catch { throw new Refused("unreadable"); }
  demand(canonical(value) === text);
  demand(value !== null && typeof value === "object" && !Array.isArray(value));
  return value;
}

const keyName = (name, fault) =>
  demand(name && [...name].length <= 255 && !/[\p{C}\p{Z}+]/u.test(name), fault);

async function verifierKey(text) {
  const [name, digits, ...rest] = text.split("+");
  const data = base64(rest.join("+"), "policy");
  demand(data.length === 33 && (data[0] === ED25519 || data[0] === COSIGNATURE), "policy");
  keyName(name, "policy");
  const id = (await sha256(utf8.encode(`${name}\n`), data)).slice(0, 4);
  demand(hex(id) === digits, "policy");
  return { name, id, kind: data[0], public: data.slice(1) };
}

// Reads a policy file; names are defined before they are used, so groups cannot be circular.
export async function policy(text) {
  const found = { logs: [], witnesses: new Map(), groups: new Map(), quorum: null };
  const grouped = new Set();
  const ask = (right) => demand(right, "policy");
  const known = (name) => found.witnesses.has(name) || found.groups.has(name);
  const key = async (vkey, kind, others) => {
    const made = await verifierKey(vkey);
    ask(made.kind === kind && !others.some((other) => same(other.public, made.public)));
    return made;
  };
  for (const line of text.split("\n")) {
    ask(!/[\x00-\x08\x0b-\x1f\x7f]/.test(line));
    const [word, ...rest] = line.split(/[ \t]+/).filter(Boolean);
    if (!word || word.startsWith("#")) continue;
    if (word === "log" && (rest.length === 1 || rest.length === 2)) {
      found.logs.push(await key(rest[0], ED25519, found.logs));
    } else if (word === "witness" && (rest.length === 2 || rest.length === 3)) {
      ask(rest[0] !== "none" && !known(rest[0]));
      found.witnesses.set(rest[0], await key(rest[1], COSIGNATURE, [...found.witnesses.values()]));
    } else if (word === "group" && rest.length > 2) {
      const [name, threshold, ...members] = rest;
      ask(name !== "none" && !known(name));
      for (const member of members) { ask(known(member) && !grouped.has(member)); grouped.add(member); }
      const needed = { all: members.length, any: 1 }[threshold] ?? Number(decimal(threshold, "policy"));
      ask(needed >= 1 && needed <= members.length);
      found.groups.set(name, { needed, members });
    } else if (word === "quorum" && rest.length === 1) {
      ask(found.quorum === null && (rest[0] === "none" || known(rest[0])));
      found.quorum = rest[0];
    } else throw new Refused("policy");
  }
  ask(found.quorum !== null);
  return found;
}

function proof(bytes) {
  const text = decoded(bytes);
  demand(!/[\x00-\x09\x0b-\x1f]/.test(text));
  const blank = text.indexOf("\n\n");
  demand(blank >= 0);
  const lines = text.slice(0, blank).split("\n");
  demand(lines.shift() === MAGIC);
  const extra = lines[0]?.startsWith("extra ") ? base64(lines.shift().slice(6)) : null;
  demand(lines[0]?.startsWith("index "));
  const index = decimal(lines.shift().slice(6));
  const hashes = lines.map((line) => base64(line));
  demand(hashes.length <= 63 && hashes.every((hash) => hash.length === 32));
  return { extra, index, hashes, ...note(text.slice(blank + 2)) };
}

function note(text) {
  const blank = text.lastIndexOf("\n\n");
  demand(blank >= 0 && text.endsWith("\n") && blank + 2 < text.length);
  const head = text.slice(0, blank + 1);
  const lines = text.slice(blank + 2, -1).split("\n");
  demand(lines.length <= 100);
  const [origin, size, root, end, ...more] = head.split("\n");
  demand(origin && end === "" && !more.length);
  const checkpoint = { origin, size: decimal(size), root: base64(root) };
  demand(checkpoint.root.length === 32);
  return { head, checkpoint, signatures: lines.map(signature) };
}

function signature(line) {
  const space = line.indexOf(" ", DASH.length);
  demand(line.startsWith(DASH) && space > 0);
  const name = line.slice(DASH.length, space);
  const data = base64(line.slice(space + 1));
  demand(data.length >= 5);
  keyName(name);
  return { name, id: data.slice(0, 4), value: data.slice(4) };
}

// Whether `key` signed, and when if it says so; a line that claims to be by it and fails spoils the whole note.
async function signed(key, { head, signatures, checkpoint }, fault) {
  let time = null;
  for (const line of signatures.filter((each) => each.name === key.name && same(each.id, key.id))) {
    let { value } = line, message = head;
    time = 0n;
    if (key.kind === COSIGNATURE) {
      demand(value.length === 72, fault, checkpoint.origin);
      time = new DataView(value.buffer, value.byteOffset, 8).getBigUint64(0);
      demand(time < 1n << 63n, fault, checkpoint.origin);
      message = `cosignature/v1\ntime ${time}\n${head}`;
      value = value.slice(8);
    }
    const imported = await crypto.subtle.importKey("raw", key.public, "Ed25519", false, ["verify"]);
    const right = await crypto.subtle.verify("Ed25519", imported, value, utf8.encode(message));
    demand(right === true, fault, checkpoint.origin);
  }
  return time;
}

function witnessedBy(name, trusted, present) {
  const group = trusted.groups.get(name);
  if (!group) return name === "none" || present.has(name);
  return group.members.filter((member) => witnessedBy(member, trusted, present)).length >= group.needed;
}

// RFC 9162, section 2.1.3.2.
async function included(index, size, leaf, path, root) {
  if (index < 0n || index >= size) return false;
  let position = index, last = size - 1n, result = leaf;
  for (const sibling of path) {
    if (last === 0n) return false;
    if (position & 1n || position === last) {
      result = await sha256([1], sibling, result);
      while (position && !(position & 1n)) { position >>= 1n; last >>= 1n; }
    } else result = await sha256([1], result, sibling);
    position >>= 1n;
    last >>= 1n;
  }
  return last === 0n && same(result, root);
}

// The entry, and the one row or work of it that the receipt is about, if any.
async function entry(bytes) {
  demand(bytes !== null);
  const extra = parsed(decoded(bytes));
  demand(typeof extra.leaf === "string");
  const leaf = parsed(extra.leaf);
  demand(TYPES.has(leaf.t) && leaf.v === 1);
  const members = Object.keys(extra).sort().join(" ");
  if (members === "leaf row row_index row_proof" && leaf.t === "use") await row(extra, leaf);
  else if (members === "leaf work" && leaf.t === "optout") await work(extra.work, leaf);
  else demand(members === "leaf");
  return { text: extra.leaf, leaf, row: extra.row ?? null, work: extra.work ?? null };
}

async function row({ row: line, row_index: at, row_proof: path }, leaf) {
  demand(typeof line === "string" && /^work_[0-9a-z]{26}\t[1-9][0-9]*\t[^\t\n]+\t[123]$/.test(line) && Array.isArray(path));
  const hash = await sha256([0], utf8.encode(line));
  demand(await included(whole(at), whole(leaf.n), hash, path.map((text) => base64(text)), unhex(leaf.root, 32)));
}

async function work(found, leaf) {
  demand(Object.keys(found ?? {}).sort().join(" ") === "format path records row sequence size terms work");
  demand(found.format === "vorbehalt.work-proof.v1" && Array.isArray(found.path) && Array.isArray(found.records));
  demand(found.sequence === leaf.seq && found.size === leaf.n);
  const terms = await sha256(utf8.encode(canonical(found.terms)));
  const codes = await sha256(...[...found.records].sort().map((record) => unhex(record)));
  const hash = await sha256([0], workId(found.work), terms, codes);
  const path = found.path.map((text) => unhex(text, 32));
  demand(await included(whole(found.row), whole(found.size), hash, path, unhex(leaf.root, 32)));
}

function whole(number) {
  demand(Number.isSafeInteger(number) && number >= 0);
  return BigInt(number);
}

function unhex(text, length = text?.length / 2) {
  demand(typeof text === "string" && /^([0-9a-f]{2})*$/.test(text) && text.length === 2 * length);
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

// The 16 bytes of a work's id: 26 digits of Crockford's base 32.
function workId(id) {
  demand(typeof id === "string" && /^work_[0-7][0-9a-hjkmnp-tv-z]{25}$/.test(id));
  const number = [...id.slice(5)].reduce((sum, c) => sum * 32n + BigInt(BASE32.indexOf(c)), 0n);
  return unhex(number.toString(16).padStart(32, "0"), 16);
}

// What a receipt proves under a policy; throws `Refused` with what is wrong with it.
export async function verified(bytes, trusted) {
  const found = proof(bytes);
  const { checkpoint } = found, { origin } = checkpoint;
  demand(trusted.logs.some((key) => key.name === origin), "other-log", origin);
  let isSigned = false;
  for (const key of trusted.logs) {
    if (await signed(key, found, "unsigned") !== null && key.name === origin) isSigned = true;
  }
  demand(isSigned, "unsigned", origin);
  const witnessed = new Map();
  for (const [name, key] of trusted.witnesses) {
    const time = await signed(key, found, "unsigned"); // one wrong line spoils the whole note
    if (time !== null) witnessed.set(name, time);
  }
  demand(witnessedBy(trusted.quorum, trusted, witnessed), "unwitnessed", origin);
  try {
    const about = await entry(found.extra);
    const hash = await sha256([0], utf8.encode(about.text));
    demand(await included(found.index, checkpoint.size, hash, found.hashes, checkpoint.root));
    return { origin, index: found.index, size: checkpoint.size, witnessed, ...about };
  } catch (problem) {
    throw problem instanceof Refused ? new Refused("changed", origin) : problem; // the head is right, so this is not
  }
}
