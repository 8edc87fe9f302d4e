// Sends a file with its progress; what is said is said in a live region.
"use strict";

(() => {
  const SAY_EVERY_MS = 2000; // to a screen reader, which would otherwise never be silent

  function bytes(count) {
    const units = ["B", "kB", "MB", "GB"];
    let unit = 0;
    while (count >= 1000 && unit < units.length - 1) { count /= 1000; unit += 1; }
    return `${Number(count.toPrecision(3))} ${units[unit]}`;
  }

  function address(form, file) {
    const query = new URLSearchParams();
    query.set("name", form.elements.name.value.trim() || file.name);
    const transforms = form.elements.transforms?.value.trim();
    if (transforms) query.set("transforms", transforms);
    return `${form.dataset.upload}?${query}`;
  }

  function sentence(request) {
    try {
      const problem = JSON.parse(request.responseText);
      return problem.detail[0].toUpperCase() + problem.detail.slice(1) + ".";
    } catch {
      return "The service answered something that is no answer; try again.";
    }
  }

  function send(form, file) {
    const part = (name) => form.querySelector(name);
    const state = part(".upload-state"), bar = part("progress"), said = part("[data-said]");
    const problem = part("[data-problem]"), stop = part("[data-stop]"), go = part("[type=submit]");
    const request = new XMLHttpRequest();
    let spoken = 0;

    const ended = (text) => {
      go.disabled = false;
      stop.hidden = state.hidden = true;
      problem.textContent = text;
      problem.hidden = !text;
    };

    ended("");
    go.disabled = true;
    stop.hidden = state.hidden = false;
    bar.value = 0;
    said.textContent = `Sending ${file.name}, ${bytes(file.size)}`;
    stop.onclick = () => request.abort();
    request.upload.onprogress = (event) => {
      bar.value = event.total ? Math.floor(100 * event.loaded / event.total) : 0;
      if (event.timeStamp - spoken < SAY_EVERY_MS) return;
      spoken = event.timeStamp;
      said.textContent = `${bytes(event.loaded)} of ${bytes(event.total)} sent`;
    };
    request.onabort = () => { ended("The upload was stopped; nothing is kept."); go.focus(); };
    request.onerror = () => { ended("The connection was lost; try again."); go.focus(); };
    request.onload = () => {
      if (request.status !== 201) { ended(sentence(request)); go.focus(); return; }
      said.textContent = "Sent. It is being inspected.";
      location.assign(form.dataset.then + JSON.parse(request.responseText).id);
    };
    request.open("POST", address(form, file));
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("X-Lathe-Guard", document.body.dataset.guard);
    request.send(file);
  }

  function dropped(form, event) {
    event.preventDefault();
    form.classList.remove("over");
    if (event.dataTransfer.files.length) {
      form.elements.file.files = event.dataTransfer.files;
      form.elements.name.focus();
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    for (const form of document.querySelectorAll("form.upload")) {
      form.classList.add("can-drop");
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        send(form, form.elements.file.files[0]);
      });
      form.addEventListener("dragover", (event) => { event.preventDefault(); form.classList.add("over"); });
      form.addEventListener("dragleave", () => form.classList.remove("over"));
      form.addEventListener("drop", (event) => dropped(form, event));
    }
  });
})();
