// Sends a file in parts by tus 1.0: what was sent stays sent, whatever is cut. The same file
// chosen again, even after the page was closed, goes on where it stopped.
"use strict";

(() => {
  const PART_BYTES = 32 * 1024 * 1024;
  const SAY_EVERY_MS = 2000; // to a screen reader, which would otherwise never be silent
  const PAUSES_MS = [500, 1000, 2000, 4000, 8000, 15000]; // between attempts that send nothing
  const UPLOADS = "/v1/uploads";

  class Stopped extends Error {}
  class Refused extends Error {}

  function bytes(count) {
    const units = ["B", "kB", "MB", "GB"];
    let unit = 0;
    while (count >= 1000 && unit < units.length - 1) { count /= 1000; unit += 1; }
    return `${Number(count.toPrecision(3))} ${units[unit]}`;
  }

  const remembered = (file) => `lathe upload ${file.name} ${file.size} ${file.lastModified}`;

  function headers(more = {}) {
    return { "Tus-Resumable": "1.0.0", "X-Lathe-Guard": document.body.dataset.guard, ...more };
  }

  function sentence(status, text) {
    try {
      const { detail } = JSON.parse(text);
      return detail[0].toUpperCase() + detail.slice(1) + ".";
    } catch {
      return `The service answered with ${status} and no reason; try again.`;
    }
  }

  const passes = (status) => status === 0 || status === 409 || status === 423 || status >= 500;

  async function asked(method, path, more) {
    const answer = await fetch(path, { method, headers: headers(more) });
    if (answer.ok) return answer;
    throw passes(answer.status) ? new Error() : new Refused(sentence(answer.status, await answer.text()));
  }

  async function begun(file) {
    const name = btoa(String.fromCharCode(...new TextEncoder().encode(file.name)));
    const more = { "Upload-Length": String(file.size), "Upload-Metadata": `filename ${name}` };
    const path = new URL((await asked("POST", UPLOADS, more)).headers.get("Location"), location).pathname;
    localStorage.setItem(remembered(file), path);
    return path;
  }

  async function offset(path) {
    const answer = await fetch(path, { method: "HEAD", headers: headers() });
    if (answer.status === 404) return null; // it has expired
    if (!answer.ok) throw new Error();
    return Number(answer.headers.get("Upload-Offset"));
  }

  function part(job, path, from) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      job.request = request;
      request.upload.onprogress = (event) => job.tell(from + event.loaded);
      request.onabort = () => reject(new Stopped());
      request.onerror = () => reject(new Error());
      request.onload = () => {
        if (request.status === 204) resolve(Number(request.getResponseHeader("Upload-Offset")));
        else if (passes(request.status)) reject(new Error());
        else reject(new Refused(sentence(request.status, request.responseText)));
      };
      request.open("PATCH", path);
      const more = { "Upload-Offset": String(from), "Content-Type": "application/offset+octet-stream" };
      for (const [name, value] of Object.entries(headers(more))) request.setRequestHeader(name, value);
      request.send(job.file.slice(from, from + PART_BYTES));
    });
  }

  const pause = (job, ms) => new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    job.wake = () => { clearTimeout(timer); resolve(); };
  });

  async function sent(job) {
    let path = localStorage.getItem(remembered(job.file)), failures = 0, reached = -1;
    for (;;) {
      try {
        let at = path ? await offset(path) : null;
        if (at === null) { path = await begun(job.file); at = 0; }
        if (at > 0) job.say(`Going on at ${bytes(at)} of ${bytes(job.file.size)}`);
        while (at < job.file.size) {
          if (job.stopped) throw new Stopped();
          at = await part(job, path, at);
          if (at > reached) { reached = at; failures = 0; }
        }
        return path;
      } catch (error) {
        if (error instanceof Stopped || error instanceof Refused) throw error;
        if (failures >= PAUSES_MS.length) throw new Refused("The connection is lost; what was sent is kept. Choose the same file again to go on.");
        job.say("The connection was cut; going on in a moment");
        await pause(job, PAUSES_MS[failures]);
        failures += 1;
        if (job.stopped) throw new Stopped();
      }
    }
  }

  async function made(form, file, path) {
    const query = new URLSearchParams({ upload: path.split("/").pop(), name: form.elements.name.value.trim() || file.name });
    for (const field of form.querySelectorAll("[data-query]")) {
      if (field.value.trim()) query.set(field.name, field.value.trim());
    }
    const answer = await asked("POST", `${form.dataset.upload}?${query}`);
    localStorage.removeItem(remembered(file));
    return (await answer.json()).id;
  }

  async function send(form, file) {
    const find = (name) => form.querySelector(name);
    const state = find(".upload-state"), bar = find("progress"), said = find("[data-said]");
    const problem = find("[data-problem]"), stop = find("[data-stop]"), go = find("[type=submit]");
    let spoken = 0;
    const job = {
      file,
      say(text) { said.textContent = text; },
      tell(count) {
        bar.value = file.size ? Math.min(100, Math.floor(100 * count / file.size)) : 100;
        if (performance.now() - spoken < SAY_EVERY_MS) return;
        spoken = performance.now();
        job.say(`${bytes(Math.min(count, file.size))} of ${bytes(file.size)} sent`);
      },
    };
    problem.hidden = true;
    go.disabled = true;
    stop.hidden = state.hidden = false;
    bar.value = 0;
    job.say(`Sending ${file.name}, ${bytes(file.size)}`);
    stop.onclick = () => { job.stopped = true; job.request?.abort(); job.wake?.(); };
    try {
      const path = await sent(job);
      job.say("Sent. It is being inspected");
      location.assign(form.dataset.then + await made(form, file, path));
    } catch (error) {
      problem.textContent = error instanceof Stopped
        ? "The upload was stopped; what was sent is kept for a while. Choose the same file to go on."
        : error.message || "The service does not answer; try again.";
      problem.hidden = false;
      stop.hidden = state.hidden = true;
      go.disabled = false;
      go.focus();
    }
  }

  async function fetched(form) {
    const problem = form.querySelector("[data-problem]");
    const said = Object.fromEntries(["source", "sha256"].map((name) => [name, form.elements[name].value.trim()]));
    if (!said.sha256) delete said.sha256;
    problem.hidden = true;
    try {
      const answer = await fetch(form.dataset.upload, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-Lathe-Guard": document.body.dataset.guard },
        body: JSON.stringify(said),
      });
      if (!answer.ok) throw new Refused(sentence(answer.status, await answer.text()));
      location.assign(form.dataset.then + (await answer.json()).id);
    } catch (error) {
      problem.textContent = error instanceof Refused ? error.message : "The service does not answer; try again.";
      problem.hidden = false;
      form.elements.source.focus();
    }
  }

  function dropped(form, event) {
    event.preventDefault();
    form.classList.remove("over");
    if (!event.dataTransfer.files.length) return;
    form.elements.file.files = event.dataTransfer.files;
    form.elements.name.focus();
  }

  document.addEventListener("DOMContentLoaded", () => {
    for (const form of document.querySelectorAll("form.by-reference")) {
      form.addEventListener("submit", (event) => { event.preventDefault(); fetched(form); });
    }
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
