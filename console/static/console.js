// What pages do beyond HTML: look again when told so, keys for views, nothing else. Without it every page works by reloading.
"use strict";
(() => {
  const on = document.body.dataset.live;
  const pulse = document.querySelector("[data-pulse]");
  let looking = false, again = false, stream = null;

  const say = (text, lost) => {
    if (!pulse) return;
    if (pulse.textContent !== text) pulse.textContent = text;
    pulse.classList.toggle("lost", lost);
  };

  // A part in which somebody is writing, or has opened something, is left alone until they are done.
  const inUse = (part) =>
    (part.contains(document.activeElement) && document.activeElement.matches("input, select, textarea, summary")) ||
    part.querySelector("details[open]") !== null ||
    [...part.querySelectorAll("input:not([type=hidden]), textarea")].some((field) => field.value !== field.defaultValue);

  const swap = (fresh) => {
    const held = document.activeElement?.closest("[data-part]") ? document.activeElement.getAttribute("href") : null;
    for (const part of document.querySelectorAll("[data-part]")) {
      const other = fresh.querySelector(`[data-part="${part.dataset.part}"]`);
      if (!other || inUse(part) || part.dataset.shown === other.innerHTML) continue;
      const had = part.contains(document.activeElement);
      const scrolled = [...part.querySelectorAll(".scroll")].map((box) => box.scrollLeft);
      part.dataset.shown = other.innerHTML;
      part.replaceChildren(...other.cloneNode(true).childNodes);
      part.querySelectorAll(".scroll").forEach((box, place) => { box.scrollLeft = scrolled[place] ?? 0; });
      if (had && held) part.querySelector(`[href="${CSS.escape(held)}"]`)?.focus();
    }
  };

  const look = async () => {
    if (looking) { again = true; return; }
    looking = true;
    try {
      do {
        again = false;
        const answer = await fetch(location.href, { headers: { Accept: "text/html" }, redirect: "manual" });
        if (answer.type === "opaqueredirect") { location.reload(); return; }
        if (answer.ok) swap(new DOMParser().parseFromString(await answer.text(), "text/html"));
      } while (again);
      say("live", false);
    } catch {
      say("reconnecting", true);
    } finally {
      looking = false;
    }
  };

  const listen = () => {
    stream = new EventSource(`/live?on=${encodeURIComponent(on)}`);
    // What happened between this page and its stream, or while the stream was broken, is seen now.
    stream.onopen = () => { look(); };
    stream.addEventListener("changed", look);
    stream.addEventListener("ended", () => location.reload());
    stream.onerror = () => {
      say("reconnecting", true);
      if (stream.readyState === EventSource.CLOSED) setTimeout(() => { if (!document.hidden) { look(); listen(); } }, 2000);
    };
  };
  if (on) {
    listen();
    // A browser allows a host six connections: a page that nobody sees gives its own back.
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) stream.close();
      else if (stream.readyState === EventSource.CLOSED) listen();
    });
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
    const view = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    const search = event.key === "/" && document.querySelector("[data-search]");
    if (view) view.click();
    else if (search) { event.preventDefault(); search.focus(); }
  });

  for (const form of document.querySelectorAll("form[method=post]")) {
    form.addEventListener("submit", () => { setTimeout(() => form.querySelectorAll("button").forEach((button) => { button.disabled = true; })); });
  }
})();
