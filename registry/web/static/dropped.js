// The files of a drop, folders opened. What systems leave in folders is no work of anybody.

const LITTER = /^(\.|Thumbs\.db$|desktop\.ini$)/i;

export const isLitter = (file) => LITTER.test(file.name);

export async function droppedFiles(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files];
  const files = [];
  for (const entry of entries) await collect(entry, files);
  return files.filter((file) => !isLitter(file));
}

async function collect(entry, files) {
  if (entry.isFile) return files.push(await new Promise((resolve, reject) => entry.file(resolve, reject)));
  const reader = entry.createReader();
  for (;;) { // a reader gives a hundred entries at a time
    const found = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!found.length) return;
    for (const inner of found) await collect(inner, files);
  }
}
