// What a drop holds: its files, and of folders the pictures in them, as the command line finds them.

/** Return the dropped files; a folder without pictures, and what cannot be read, is a file with a `problem`. */
export async function droppedFiles(carried, suffixes) {
  // All are asked for before the first await: after it the browser has let go of what was dropped.
  const dropped = [...carried.items]
    .filter((item) => item.kind === "file")
    .map((item) => ({ file: item.getAsFile(), entry: item.webkitGetAsEntry() }));
  const found = [];
  for (const { file, entry } of dropped) {
    if (entry?.isDirectory) found.push(...(await picturesOf(entry, suffixes)));
    else if (file) found.push(file);
  }
  return found;
}

async function picturesOf(folder, suffixes) {
  const found = await within(folder, suffixes);
  if (found.length) return found;
  return [standIn(folder, "There is no picture in this folder.", "in folders, pictures are known by their suffix")];
}

/** Return the pictures of a folder in the order of their names, sub-folders where they stand among them. */
async function within(folder, suffixes) {
  const found = [];
  let entries = [];
  try {
    entries = await entriesOf(folder);
  } catch {
    found.push(standIn(folder, "This folder cannot be read.", "check its rights"));
  }
  for (const entry of entries.sort((one, other) => (one.name < other.name ? -1 : 1))) {
    if (entry.name.startsWith(".")) continue;
    if (entry.isDirectory) found.push(...(await within(entry, suffixes)));
    else if (suffixes.has(suffixOf(entry.name))) found.push(await fileOf(entry));
  }
  return found;
}

async function entriesOf(folder) {
  const reader = folder.createReader();
  const found = [];
  // A reader gives some hundred entries at a time, and none when there are no more.
  for (;;) {
    const some = await new Promise((resolve, reject) => { reader.readEntries(resolve, reject); });
    if (!some.length) return found;
    found.push(...some);
  }
}

async function fileOf(entry) {
  try {
    return await new Promise((resolve, reject) => { entry.file(resolve, reject); });
  } catch {
    return standIn(entry, "This file cannot be read.", "check its rights");
  }
}

function suffixOf(name) {
  return name.slice(name.lastIndexOf(".")).toLowerCase();
}

function standIn(entry, reason, hint) {
  return Object.assign(new File([], entry.name), { problem: { reason, hint } });
}
