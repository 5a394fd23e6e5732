// Pictures that are dropped, chosen, pasted or taken: one request each, two at a time, each verdict as it is ready.

import { droppedFiles } from "./dropped.js";
import { addressOf, announce, fetchPiece, problemOf, sentence } from "./page.js";
import { open, refreshCounts } from "./list.js";

const AT_ONCE = 2;
const MOST_TRIES = 12;
const LONGEST_WAIT = 30;
// The verdict on a single picture is shown open; several are a list to be looked through.
const FEW = 1;

const form = document.querySelector("#examine");
const queue = document.querySelector("#queue");
const blank = document.querySelector("#queued");
const suffixes = new Set(form.dataset.suffixes.split(" "));
const overall = document.querySelector("#overall");
const waiting = [];
const batch = { all: 0, done: 0, failed: 0 };
let running = 0;

for (const input of form.querySelectorAll("input[type=file]")) {
  input.addEventListener("change", () => {
    examine([...input.files]);
    input.value = "";
  });
}
form.addEventListener("submit", (event) => event.preventDefault());

document.addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files ?? [])];
  if (files.length) examine(files);
});

overall.querySelector("button").addEventListener("click", () => {
  for (const item of waiting.splice(0)) {
    item.line.remove();
    batch.all -= 1;
  }
  showOverall();
});

let depth = 0;
const carriesFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
document.addEventListener("dragenter", (event) => {
  if (carriesFiles(event)) { depth += 1; document.body.classList.add("dropping"); }
});
document.addEventListener("dragleave", (event) => {
  if (carriesFiles(event)) { depth = Math.max(0, depth - 1); document.body.classList.toggle("dropping", depth > 0); }
});
document.addEventListener("dragover", (event) => { if (carriesFiles(event)) event.preventDefault(); });
document.addEventListener("drop", async (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  depth = 0;
  document.body.classList.remove("dropping");
  examine(await droppedFiles(event.dataTransfer, suffixes));
});

window.addEventListener("beforeunload", (event) => {
  if (running || waiting.length) event.preventDefault();
});

function examine(files) {
  if (!files.length) return;
  if (!running && !waiting.length) Object.assign(batch, { all: 0, done: 0, failed: 0 });
  batch.all += files.length;
  announce(files.length === 1 ? `Examining ${files[0].name}` : `Examining ${files.length} pictures`);
  for (const file of files) waiting.push(newItem(file));
  showOverall();
  next();
}

function newItem(file) {
  const line = blank.content.firstElementChild.cloneNode(true);
  const item = {
    file,
    line,
    tries: 0,
    progress: line.querySelector("progress"),
    state: line.querySelector(".state"),
    again: line.querySelector(".again"),
    dismiss: line.querySelector(".dismiss"),
  };
  line.querySelector(".name").textContent = file.name;
  item.progress.setAttribute("aria-label", `Progress of ${file.name}`);
  item.state.textContent = "Waiting for its turn";
  showOwnPreview(item);
  item.dismiss.addEventListener("click", () => dismiss(item));
  item.again.addEventListener("click", () => retry(item));
  queue.append(line);
  return item;
}

function showOwnPreview(item) {
  const picture = item.line.querySelector("img");
  const address = URL.createObjectURL(item.file);
  picture.addEventListener("load", () => URL.revokeObjectURL(address));
  // HEIC and TIFF are not drawn by most browsers; a broken picture would look like a broken file.
  picture.addEventListener("error", () => { URL.revokeObjectURL(address); picture.remove(); });
  picture.src = address;
}

function next() {
  while (running < AT_ONCE && waiting.length) {
    running += 1;
    send(waiting.shift());
  }
}

function send(item) {
  const problem = problemWith(item.file);
  if (problem) {
    fail(item, problem);
    return;
  }
  const body = new FormData();
  body.append("image", item.file);
  const request = new XMLHttpRequest();
  item.request = request;
  item.tries += 1;
  item.state.textContent = "Uploading";
  request.upload.addEventListener("progress", (event) => {
    if (event.lengthComputable) item.progress.value = event.loaded / event.total;
  });
  request.upload.addEventListener("load", () => {
    item.progress.removeAttribute("value");
    item.state.textContent = "Examining";
  });
  request.addEventListener("load", () => answered(item, request));
  request.addEventListener("error", () => fail(item, {
    reason: "This could not be sent: the server cannot be reached, or the file is no longer as it was.",
    hint: "try again, or choose it anew",
  }));
  request.open("POST", addressOf("api/v1/images?heatmap=1"));
  request.setRequestHeader("Accept", "application/json");
  request.send(body);
}

/** Return why a file need not be sent; null where nothing is known against it. */
function problemWith(file) {
  if (file.problem) return file.problem;
  if (file.size <= Number(form.dataset.mostBytes)) return null;
  return { reason: `This file is larger than ${form.dataset.most}.`, hint: "save it smaller" };
}

function answered(item, request) {
  if ((request.status === 503 || request.status === 429) && item.tries < MOST_TRIES) {
    waitAndRetry(item, Number(request.getResponseHeader("Retry-After")) || item.tries);
    return;
  }
  if (request.status < 200 || request.status > 299) {
    fail(item, problemOf(request.status, request.responseText));
    return;
  }
  const [picture] = JSON.parse(request.responseText).images;
  if (!picture.verdict) {
    fail(item, { reason: picture.error, hint: picture.hint });
    return;
  }
  show(item, picture);
}

function waitAndRetry(item, seconds) {
  const wait = Math.min(Math.max(seconds, 1), LONGEST_WAIT);
  item.state.textContent = `The server is busy; trying again in ${wait} s`;
  item.timer = setTimeout(() => send(item), 1000 * wait);
}

async function show(item, picture) {
  let row;
  try {
    row = (await fetchPiece(addressOf(`images/${picture.id}/row`))).firstElementChild;
  } catch {
    fail(item, { reason: "The verdict is there but could not be shown.", hint: "reload the page" });
    return;
  }
  const inFocus = item.line.contains(document.activeElement);
  item.line.remove();
  placeRow(row);
  row.classList.add("fresh");
  if (batch.all <= FEW) await open(row);
  if (inFocus) row.querySelector(".open").focus();
  const words = row.querySelector("h3").textContent.trim();
  announce(`${item.file.name}: ${words}, ${row.querySelector(".score").textContent.trim()}`);
  finish();
}

function placeRow(row) {
  let rows = document.querySelector("#rows");
  if (!rows) {
    rows = Object.assign(document.createElement("ol"), { id: "rows", className: "rows" });
    document.querySelector("#listing").replaceChildren(rows);
  }
  rows.prepend(row);
}

function fail(item, { reason, hint }) {
  item.line.classList.add("failed");
  item.progress.hidden = true;
  const strong = document.createElement("strong");
  strong.textContent = sentence(reason || "This picture could not be examined");
  item.state.replaceChildren(strong, ` ${sentence(hint || "")}`);
  item.again.hidden = false;
  item.dismiss.textContent = "Dismiss";
  batch.failed += 1;
  announce(`${item.file.name}: ${item.state.textContent}`);
  finish();
}

function retry(item) {
  item.line.classList.remove("failed");
  Object.assign(item, { tries: 0 });
  item.progress.hidden = false;
  item.progress.value = 0;
  item.again.hidden = true;
  item.dismiss.textContent = "Cancel";
  item.state.textContent = "Waiting for its turn";
  item.dismiss.focus();
  batch.failed -= 1;
  batch.done -= 1;
  waiting.push(item);
  showOverall();
  next();
}

function dismiss(item) {
  const failed = item.line.classList.contains("failed");
  const place = waiting.indexOf(item);
  item.line.remove();
  document.querySelector("#file").focus();
  if (failed) return;
  clearTimeout(item.timer);
  if (place >= 0) {
    waiting.splice(place, 1);
    batch.all -= 1;
    showOverall();
    return;
  }
  item.request?.abort();
  batch.all -= 1;
  batch.done -= 1;
  finish();
}

function finish() {
  running -= 1;
  batch.done += 1;
  showOverall();
  next();
  if (!running && !waiting.length) refreshCounts();
}

function showOverall() {
  const idle = batch.done >= batch.all;
  overall.hidden = batch.all < 2 || idle;
  overall.querySelector("button").hidden = !waiting.length;
  overall.querySelector("progress").value = batch.all ? batch.done / batch.all : 0;
  overall.querySelector("span").textContent = `${batch.done} of ${batch.all} examined`;
  if (idle && batch.all > 1) {
    const wrong = batch.failed ? `, ${batch.failed} could not be` : "";
    announce(`All done: ${batch.all - batch.failed} pictures examined${wrong}.`);
  }
}
