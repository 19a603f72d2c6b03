// The list of chosen files: a page of rows at a time, by state, with how many there are of each. A row is made when it is
// shown, so that a thousand files cost no more than a few.

const PER_PAGE = 25;

// `section` holds #rows, #states and #pages; `makeRow(item)` gives the row of an item as it is now; `told` is called when
// something has changed.
export class FileList {
  constructor(section, makeRow, told) {
    this.items = [];
    this.makeRow = makeRow;
    this.told = told;
    this.rows = section.querySelector("#rows");
    this.states = section.querySelector("#states");
    this.pages = section.querySelector("#pages");
    this.state = null; // of the items that are shown; null: of all
    this.page = 0;
    this.due = false; // of a frame
    for (const button of this.states.querySelectorAll("button")) {
      button.addEventListener("click", () => this.choose(button.value || null));
    }
    const [before, after] = this.pages.querySelectorAll("button");
    before.addEventListener("click", () => this.turn(-1));
    after.addEventListener("click", () => this.turn(1));
  }

  add(items) {
    this.items.push(...items);
    this.draw();
  }

  remove(item) {
    this.items = this.items.filter((other) => other !== item);
    this.draw();
  }

  // The item looks different now. Its row, if it is shown, is replaced where it stands.
  changed(item) {
    if (item.row?.isConnected) {
      const used = item.row.contains(document.activeElement) ? document.activeElement : null;
      const row = this.makeRow(item);
      item.row.replaceWith(row);
      item.row = row;
      if (used) goOn(row.querySelector(used.localName), used);
    }
    this.tell();
  }

  choose(state) {
    this.state = state;
    this.page = 0;
    this.draw();
  }

  turn(by) {
    this.page += by;
    this.draw();
    this.rows.focus();
  }

  draw() {
    this.stale = true;
    this.tell();
  }

  // Once a frame at most, however much has changed.
  tell() {
    if (this.due) return;
    this.due = true;
    requestAnimationFrame(() => {
      this.due = false;
      this.count();
      if (this.stale) this.show();
      this.told();
    });
  }

  show() {
    this.stale = false;
    const wanted = this.items.filter((item) => !this.state || item.state === this.state);
    const last = Math.max(0, Math.ceil(wanted.length / PER_PAGE) - 1);
    this.page = Math.min(this.page, last);
    const first = this.page * PER_PAGE;
    const shown = wanted.slice(first, first + PER_PAGE);
    const gone = new Set(this.items.filter((item) => item.row && !shown.includes(item)));
    for (const item of gone) item.row = null;
    for (const item of shown) item.row ??= this.makeRow(item);
    this.rows.replaceChildren(...shown.map((item) => item.row));
    this.pages.hidden = last === 0;
    const [before, after] = this.pages.querySelectorAll("button");
    before.disabled = this.page === 0;
    after.disabled = this.page === last;
    const figure = (number) => number.toLocaleString(document.documentElement.lang);
    this.pages.querySelector("span").textContent = this.pages.dataset.range
      .replace("{first}", figure(first + 1)).replace("{last}", figure(first + shown.length))
      .replace("{all}", figure(wanted.length));
  }

  // A state that nothing is in is not offered, unless it is the chosen one.
  count() {
    const counts = new Map();
    for (const item of this.items) counts.set(item.state, (counts.get(item.state) ?? 0) + 1);
    for (const button of this.states.querySelectorAll("button")) {
      const number = button.value ? counts.get(button.value) ?? 0 : this.items.length;
      button.querySelector(".count").textContent = number.toLocaleString(document.documentElement.lang);
      button.setAttribute("aria-pressed", String((button.value || null) === this.state));
      button.parentElement.hidden = number === 0 && button.value !== (this.state ?? "");
    }
    this.states.hidden = counts.size < 2 && !this.state;
  }
}

// Whoever is just writing a title goes on doing so in the new row.
function goOn(field, used) {
  field?.focus();
  if (field?.localName === "input") field.setSelectionRange(used.selectionStart, used.selectionEnd);
}
