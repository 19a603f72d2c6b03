// Passkeys: asks the registry for a question, the device for an answer, and brings it back. Hidden without support.
"use strict";

const supported = Boolean(window.PublicKeyCredential && PublicKeyCredential.parseCreationOptionsFromJSON);
for (const part of document.querySelectorAll("[data-passkeys]")) part.hidden = !supported;

async function post(address, token, body) {
  const headers = { "Content-Type": "application/json", "X-CSRF-Token": token };
  const answer = await fetch(address, { method: "POST", headers, body: JSON.stringify(body) });
  return { ok: answer.ok, data: await answer.json().catch(() => ({})) };
}

async function ask(button, says) {
  const { passkey, question, answer, token } = button.dataset;
  const asked = await post(question, token, {});
  if (!asked.ok) throw new Error("no question");
  const publicKey = passkey === "create"
    ? PublicKeyCredential.parseCreationOptionsFromJSON(asked.data)
    : PublicKeyCredential.parseRequestOptionsFromJSON(asked.data);
  const credential = await navigator.credentials[passkey]({ publicKey });
  const body = credential.toJSON();
  if (passkey === "create") body.name = document.getElementById("passkey-name").value;
  const done = await post(answer, token, body);
  if (done.data.next) {
    const here = location.pathname + location.search;
    location.assign(done.data.next);
    if (done.data.next.split("#")[0] === here) location.reload();
  } else {
    says.textContent = done.data.message || button.dataset.failed;
  }
}

for (const button of document.querySelectorAll("[data-passkey]")) {
  const says = button.parentElement.querySelector("[data-passkey-says]");
  button.addEventListener("click", async () => {
    says.textContent = "";
    button.disabled = true;
    try {
      await ask(button, says);
    } catch {
      says.textContent = button.dataset.failed;
    } finally {
      button.disabled = false;
    }
  });
}
