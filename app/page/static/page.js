// What pages do besides what htmx does: say aloud what changed.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const announce = document.getElementById("announce");
  let said = document.querySelector("[data-say]")?.dataset.say;

  function changed() {
    const now = document.querySelector("[data-say]")?.dataset.say;
    if (now && now !== said) announce.textContent = said = now;
    document.dispatchEvent(new CustomEvent("lathe:changed"));
  }

  document.addEventListener("htmx:after:swap", () => {
    changed();
    document.getElementById("problems")?.focus();
  });
  // what changes the shape of a form has it drawn anew
  document.addEventListener("change", (event) => {
    if (!event.target.matches("#composer [data-redraws]")) return;
    const form = event.target.form;
    form.requestSubmit(form.querySelector("[name=do][value=redraw]"));
  });
  changed();
});
