// The list of what was examined: filter and order without a reload, look closer in place, delete.

import { addressOf, announce, fetchPiece } from "./page.js";

const tools = document.querySelector("#tools");
const listing = document.querySelector("#listing");
let typing;
let asked = 0;

tools.addEventListener("submit", (event) => { event.preventDefault(); show(); });
tools.addEventListener("change", show);
tools.addEventListener("input", (event) => {
  if (event.target.type !== "search") return;
  clearTimeout(typing);
  typing = setTimeout(show, 250);
});

listing.addEventListener("click", (event) => {
  const button = event.target.closest("button.open");
  if (!button) return;
  const row = button.closest(".row");
  if (row.querySelector(".more")) close(row); else open(row);
});

listing.addEventListener("submit", (event) => {
  if (!event.target.matches(".remove")) return;
  event.preventDefault();
  remove(event.target.closest(".row"));
});

/** Show everything that is known of a row's picture below it. */
export async function open(row) {
  const piece = await fetchPiece(addressOf(`images/${row.dataset.id}/report`)).catch(unreachable);
  if (!piece || row.querySelector(".more")) return;
  row.append(piece.firstElementChild);
  setOpen(row, true);
}

/** Bring the counts and what depends on them up to date, and leave the rows as they are. */
export async function refreshCounts() {
  const fresh = await fetchPiece(addressOf(`list?${query()}`)).catch(unreachable);
  if (!fresh) return;
  const counts = fresh.querySelector("#counts");
  document.querySelector("#counts")?.remove();
  if (counts) listing.prepend(counts);
  for (const part of document.querySelectorAll(".only-full")) part.hidden = !counts;
  if (!counts || !document.querySelector("#rows")) listing.replaceChildren(fresh);
}

function unreachable() {
  announce("The server cannot be reached: what you see may be out of date.");
}

function close(row) {
  row.querySelector(".more").remove();
  setOpen(row, false);
}

function setOpen(row, isOpen) {
  const button = row.querySelector("button.open");
  button.setAttribute("aria-expanded", String(isOpen));
  button.firstChild.textContent = isOpen ? "Close" : "Look closer";
}

function query() {
  const wanted = new URLSearchParams(new FormData(tools));
  for (const [key, value] of [...wanted]) if (!value) wanted.delete(key);
  return wanted;
}

async function show() {
  clearTimeout(typing);
  const wanted = query();
  const mine = asked += 1;
  const fresh = await fetchPiece(addressOf(`list?${wanted}`)).catch(unreachable);
  // Answers may overtake each other; only what was asked for last is shown.
  if (!fresh || mine !== asked) return;
  listing.replaceChildren(fresh);
  history.replaceState(null, "", addressOf(wanted.size ? `?${wanted}` : ""));
  announce(document.querySelector("#counts")?.textContent ?? "");
}

async function remove(row) {
  const name = row.querySelector(".what").textContent;
  const address = addressOf(`api/v1/images/${row.dataset.id}`);
  const answer = await fetch(address, { method: "DELETE" }).catch(unreachable);
  if (!answer?.ok && answer?.status !== 404) {
    announce(`${name} could not be deleted.`);
    return;
  }
  const neighbour = row.nextElementSibling ?? row.previousElementSibling;
  row.remove();
  if (!document.querySelector("#rows")?.children.length) document.querySelector("#rows")?.remove();
  (neighbour?.querySelector("button.open") ?? document.querySelector("#examined")).focus();
  announce(`${name} deleted.`);
  await refreshCounts();
}
