// What every script of the page needs: addresses, telling screen readers, pieces of a page, and problems in words.

const announcer = document.querySelector("#announcer");

/** Return the address of something on our server, which a proxy may have put below a prefix. */
export function addressOf(path) {
  return new URL(`../${path}`, import.meta.url).href;
}

/** Say something to those who hear the page. */
export function announce(text) {
  announcer.textContent = "";
  // An unchanged text is not read again; an emptied one that fills in the next frame is.
  requestAnimationFrame(() => { announcer.textContent = text; });
}

/** Return the first element of a piece of HTML that our own server wrote. */
export async function fetchPiece(url) {
  const answer = await fetch(url, { headers: { Accept: "text/html" } });
  if (!answer.ok) throw new Error(`${answer.status} at ${url}`);
  const holder = document.createElement("template");
  holder.innerHTML = await answer.text();
  return holder.content;
}

/** Return {reason, hint} of a problem that the server describes, or of one that it does not. */
export function problemOf(status, body) {
  let problem = {};
  try { problem = JSON.parse(body); } catch { /* a proxy in between may answer in its own words */ }
  return {
    reason: problem.detail || problem.title || `The server answered with status ${status}.`,
    hint: problem.hint || "",
  };
}

/** Return a sentence of what people may call one: capital letter, full stop. */
export function sentence(text) {
  const trimmed = text.trim();
  if (!trimmed) return "";
  return trimmed[0].toUpperCase() + trimmed.slice(1) + (/[.!?]$/.test(trimmed) ? "" : ".");
}
