// A report's own controls, wherever it stands: the heat map's slider, the answer to "was this right?", copying.

import { addressOf, announce, problemOf, sentence } from "./page.js";

document.addEventListener("input", (event) => {
  if (event.target.matches("input.fade")) fade(event.target);
});

document.addEventListener("submit", (event) => {
  if (!event.target.matches(".was-it-right")) return;
  event.preventDefault();
  sendFeedback(event.target);
});

document.addEventListener("click", (event) => {
  if (event.target.matches("button.copy")) copy(event.target);
});

// A browser that goes back may restore a slider without telling anyone.
for (const slider of document.querySelectorAll("input.fade")) fade(slider);

function fade(slider) {
  const share = Number(slider.value);
  const said = share === 0 ? "hidden" : `${share} %`;
  slider.closest("figure").querySelector(".above").style.opacity = share / 100;
  slider.setAttribute("aria-valuetext", said);
  slider.nextElementSibling.textContent = said;
}

async function sendFeedback(form) {
  const outcome = form.querySelector(".outcome");
  const said = Object.fromEntries(new FormData(form));
  let text = "Thank you: noted. You can change it.";
  try {
    const answer = await fetch(addressOf(`api/v1/images/${form.dataset.id}/feedback`), {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify(said),
    });
    if (!answer.ok) text = sentence(problemOf(answer.status, await answer.text()).reason);
  } catch {
    text = "The server cannot be reached: this was not noted.";
  }
  outcome.textContent = text;
}

async function copy(button) {
  const text = document.getElementById(button.dataset.from).textContent;
  try {
    await navigator.clipboard.writeText(text);
    announce("Copied.");
    button.textContent = "Copied";
  } catch {
    announce("The browser does not allow copying here: select the text instead.");
    getSelection().selectAllChildren(document.getElementById(button.dataset.from));
  }
}
