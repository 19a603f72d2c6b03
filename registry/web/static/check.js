// Makes the fingerprint of the chosen picture or text here and sends that alone. Without script, or with the box ticked,
// the form sends the file itself.
import { hashed, words } from "./hash/device.js";

const form = document.getElementById("check");
const pick = document.getElementById("pick");
const picked = document.getElementById("picked");
const send = document.getElementById("send");
const refused = document.getElementById("refused");
const instead = document.getElementById("instead");
let asked = 0;

async function check(file) {
  const mine = ++asked;
  const current = () => mine === asked;
  refused.hidden = instead.hidden = true;
  const answer = await hashed(file, (step) => {
    if (current()) picked.textContent = `${file.name}: ${words(step)}`;
  });
  if (!current()) return;
  picked.textContent = file.name;
  if (answer.is === "device") return ask(file.name, answer);
  const said = answer.is === "send" ? instead : refused;
  (said.querySelector("span") ?? said).textContent = words(answer.why);
  said.hidden = false;
  if (answer.is === "send") send.focus();
}

// The field with the file is left out: what is disabled is not sent.
function ask(name, { found, passages }) {
  const fields = [["name", name], ["codes", JSON.stringify(found)]].map(([key, value]) => hidden(key, { type: "hidden", value }));
  if (passages) {
    const part = new DataTransfer();
    part.items.add(new File([passages], "passages"));
    fields.push(hidden("passages-0", { type: "file", files: part.files }));
  }
  pick.disabled = true;
  form.append(...fields);
  form.submit();
}

function hidden(name, values) {
  const field = document.createElement("input");
  Object.assign(field, { name, hidden: true }, values);
  return field;
}

function begin() {
  const file = pick.files[0];
  picked.textContent = file ? file.name : picked.dataset.none;
  if (!file) return;
  if (send.checked) form.submit();
  else check(file);
}

document.getElementById("kept-here").hidden = false;
document.getElementById("kept").hidden = true;
document.getElementById("parts").hidden = false;
pick.addEventListener("change", begin);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  begin();
});
for (const type of ["dragenter", "dragover"]) {
  form.addEventListener(type, (event) => { event.preventDefault(); form.classList.add("is-over"); });
}
form.addEventListener("dragleave", () => form.classList.remove("is-over"));
form.addEventListener("drop", (event) => {
  event.preventDefault();
  form.classList.remove("is-over");
  if (event.dataTransfer.files.length !== 1) return;
  pick.files = event.dataTransfer.files;
  begin();
});
addEventListener("pageshow", () => { // back from the answer: the file can be chosen again
  pick.disabled = false;
  form.querySelectorAll("input[hidden]").forEach((field) => field.remove());
  picked.textContent = pick.files[0]?.name ?? picked.dataset.none;
});
