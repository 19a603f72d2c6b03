// Makes the form on the page quicker; without script, choosing and pressing the button does the same.
"use strict";
const form = document.getElementById("check");
const pick = document.getElementById("pick");
const picked = document.getElementById("picked");

function show() {
  const file = pick.files[0];
  picked.textContent = file ? file.name : picked.dataset.none;
  return Boolean(file);
}

pick.addEventListener("change", () => { if (show()) form.requestSubmit(); });
for (const type of ["dragenter", "dragover"]) {
  form.addEventListener(type, (event) => { event.preventDefault(); form.classList.add("is-over"); });
}
form.addEventListener("dragleave", () => form.classList.remove("is-over"));
form.addEventListener("drop", (event) => {
  event.preventDefault();
  form.classList.remove("is-over");
  if (event.dataTransfer.files.length === 1) {
    pick.files = event.dataTransfer.files;
    if (show()) form.requestSubmit();
  }
});
show();
