/* Tieline's own script, no build. Every page works without it; it makes some things quicker. */
(() => {
  "use strict";
  const root = document.documentElement;
  const typing = (element) => element.closest("input, textarea, select, [contenteditable]") !== null;

  /* Light or dark: shown at once, stored by the server. */
  const isDark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("[data-theme-form]")) return;
    event.preventDefault();
    const body = new FormData(form);
    const theme = isDark() ? "light" : "dark";
    body.set("theme", theme);
    root.dataset.theme = theme;
    fetch(form.action, { method: "POST", body, headers: { "X-Tieline-Quiet": "1" } });
  });

  /* A switch that is done as it is switched: its form goes at once. */
  document.addEventListener("change", (event) => {
    if (event.target.matches?.("[data-submits]")) event.target.form?.requestSubmit();
  });

  /* Dialogs, toasts, menus. */
  document.addEventListener("click", (event) => {
    const at = event.target.closest("[data-opens], [data-closes], [data-dismiss], details.menu > summary") || event.target;
    if (at.dataset?.opens) document.getElementById(at.dataset.opens)?.showModal();
    else if (at.matches?.("[data-closes]")) at.closest("dialog")?.close();
    else if (at.matches?.("[data-dismiss]")) at.closest(".toast")?.remove();
    const inside = event.target.closest("details.menu");
    for (const menu of document.querySelectorAll("details.menu[open]")) if (menu !== inside) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      menu.open = false;
      if (menu.contains(document.activeElement)) menu.querySelector("summary").focus();
    }
  });
  document.addEventListener("focusout", (event) => {
    const menu = event.target.closest("details.menu[open]");
    if (menu && event.relatedTarget && !menu.contains(event.relatedTarget)) menu.open = false;
  });

  /* Single keys, which the reader can switch off: / searches; in a list with data-rows, j and k move, Enter opens as ever;
     a control with data-key="a" is pressed by its letter. */
  document.addEventListener("keydown", (event) => {
    if (!("shortcuts" in root.dataset) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (typing(event.target) || document.querySelector("dialog[open]")) return;
    if (event.key === "/") {
      const box = document.querySelector(".top .search input");
      if (box && box.offsetParent) { event.preventDefault(); box.focus(); box.select(); }
      return;
    }
    if (event.key === "j" || event.key === "k") {
      const rows = [...document.querySelectorAll("[data-rows] :is(a[href], summary, [data-row])")].filter((row) => row.offsetParent && !row.closest("[data-rows] details > :not(summary)"));
      if (!rows.length) return;
      const now = rows.findIndex((row) => row.contains(document.activeElement));
      const next = event.key === "j" ? Math.min(now + 1, rows.length - 1) : Math.max(now - 1, 0);
      event.preventDefault();
      rows[next].focus();
      rows[next].scrollIntoView({ block: "nearest" });
      return;
    }
    const control = [...document.querySelectorAll(`[data-key="${CSS.escape(event.key)}"]`)].find((one) => one.offsetParent && !one.disabled);
    if (control) { event.preventDefault(); control.click(); }
  });

  /* The search: arrows move between the box and what drops from it, Escape leaves it. */
  document.addEventListener("keydown", (event) => {
    const search = event.target.closest?.(".top .search");
    if (!search) return;
    const box = search.querySelector("input");
    if (event.key === "Escape") { document.activeElement.blur(); return; }
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const stops = [box, ...search.querySelectorAll("#found a")];
    const next = stops[stops.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1)];
    event.preventDefault();
    next?.focus();
  });

  /* Live parts: asked again every so many seconds, while somebody looks. */
  const due = new WeakMap();
  setInterval(() => {
    if (document.hidden || !window.htmx) return;
    const now = Date.now();
    for (const part of document.querySelectorAll("[data-live]")) {
      if ((due.get(part) ?? 0) > now) continue;
      const first = !due.has(part);
      due.set(part, now + Number(part.dataset.live) * 1000 - 50);
      if (!first) window.htmx.trigger(part, "tieline:tick");
    }
  }, 500);

  /* A choice of time zones that is still at its first: propose the browser's own. */
  const propose = () => {
    const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
    for (const choice of document.querySelectorAll("select[data-zone]"))
      if (choice.selectedIndex === 0 && [...choice.options].some((one) => one.value === own)) choice.value = own;
  };

  /* A form that came back with errors: begin at the first. */
  const begin = () => { propose(); document.querySelector("main [aria-invalid=true]")?.focus(); };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin); else begin();
})();
