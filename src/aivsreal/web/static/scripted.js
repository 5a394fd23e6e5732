// Runs before anything is drawn, so that what only works with scripts is shown only where they run.
document.documentElement.classList.add("js");
