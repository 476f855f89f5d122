/* Forms that are checked as they change: <form data-checked hx-trigger="tieline:changed, submit" …>. What somebody changes
   counts more than an answer to what was there before: one request at a time, and an answer that is older than the form, or
   comes while a field or button is being used, is not put in its place; the form is sent again instead. */
(() => {
  "use strict";
  const PAUSE = 200;                             // ms without a change before the form is sent
  const states = new WeakMap();                  // form → how it stands
  const sent = new WeakMap();                    // htmx's request → its form, and how many touches were in it
  const forms = () => [...document.querySelectorAll("form[data-checked]")];
  const formOf = (element) => { const form = element?.form ?? element?.closest?.("form"); return form?.matches?.("[data-checked]") ? form : null; };
  const stateOf = (form) => {
    if (!states.has(form)) states.set(form, { touches: 0, unsent: false, timer: 0, asking: 0, stale: false, begun: null, pressed: false });
    return states.get(form);
  };
  const busy = (form) => { const at = stateOf(form); return at.unsent || at.asking > 0; };

  const send = (form) => {
    const at = stateOf(form);
    clearTimeout(at.timer);
    at.timer = 0;
    if (!at.asking && form.isConnected) window.htmx?.trigger(form, "tieline:changed");
  };
  /* What was in use is let go: an answer that was not taken because of it is asked for again. */
  const letGo = (form) => {
    const at = stateOf(form);
    if (at.stale && !at.begun && !at.pressed && !at.timer) { at.unsent = true; send(form); }
  };

  document.addEventListener("input", (event) => {
    const form = formOf(event.target);
    if (!form) return;
    stateOf(form).touches += 1;
    stateOf(form).begun = event.target;          // a change of it is still to come
  });
  document.addEventListener("change", (event) => {
    const form = formOf(event.target);
    if (!form) return;
    const at = stateOf(form);
    at.touches += 1;
    at.unsent = true;
    at.begun = null;
    clearTimeout(at.timer);
    at.timer = setTimeout(send, PAUSE, form);
  });
  document.addEventListener("focusout", (event) => {
    const form = formOf(event.target);
    if (!form) return;
    stateOf(form).begun = null;
    letGo(form);
  });
  document.addEventListener("pointerdown", (event) => {
    const form = formOf(event.target);
    if (!form) return;
    stateOf(form).pressed = true;
    if (event.target.matches("select:enabled")) stateOf(form).begun = event.target;  // its list is open, nothing says when it closes
  });
  for (const name of ["pointerup", "pointercancel"]) document.addEventListener(name, () => setTimeout(() => {
    for (const form of forms()) { stateOf(form).pressed = false; letGo(form); }
  }));

  /* A button of the form: what it answers changes the form, so nobody types into the old one meanwhile. */
  document.addEventListener("submit", (event) => {
    const form = formOf(event.target);
    if (!form || !event.defaultPrevented) return;
    stateOf(form).focused = document.activeElement?.id;
    form.inert = true;
  });

  document.addEventListener("htmx:config:request", (event) => {
    const form = formOf(event.detail.ctx.sourceElement);
    if (!form || form !== event.detail.ctx.sourceElement) return;
    const at = stateOf(form);
    if (event.detail.ctx.sourceEvent?.type === "submit") at.touches += 1;  // an answer under way knows nothing of the button
    clearTimeout(at.timer);
    Object.assign(at, { unsent: false, stale: false, timer: 0 });
    sent.set(event.detail.ctx, { form, touches: at.touches });
  });
  document.addEventListener("htmx:before:request", (event) => {
    const one = sent.get(event.detail.ctx);
    if (one) stateOf(one.form).asking += 1;
  });
  document.addEventListener("htmx:response:error", (event) => {
    const one = sent.get(event.detail.ctx);      // what went wrong is told above the form, which stays as it is
    if (!one) return;
    one.form.previousElementSibling?.matches(".problem") && one.form.previousElementSibling.remove();
    Object.assign(event.detail.ctx, { target: one.form, swap: "beforebegin" });
  });
  document.addEventListener("htmx:before:swap", (event) => {
    const one = sent.get(event.detail.ctx);
    if (!one || event.detail.ctx.response.status >= 400) return;
    const at = stateOf(one.form);
    if (one.touches === at.touches && !at.begun && !at.pressed) return;
    event.preventDefault();
    at.stale = true;
  });
  document.addEventListener("htmx:finally:request", (event) => {
    const one = sent.get(event.detail.ctx);
    if (!one) return;
    const at = stateOf(one.form);
    at.asking -= 1;
    if (at.unsent && !at.timer) setTimeout(send, 0, one.form);
    else if (String(event.detail.ctx.status).startsWith("error")) at.stale = true;  // nobody answered: again at the next touch
    else letGo(one.form);
    if (one.form.inert && event.detail.ctx.sourceEvent?.type === "submit" && !event.detail.ctx.hx?.redirect) {
      one.form.inert = false;
      const again = at.focused && document.getElementById(at.focused);
      if (again && document.activeElement === document.body) again.focus({ preventScroll: true });
    }
  });

  /* Leaving the page: a link waits until the last change has arrived; what cannot wait is sent on the way out. */
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    const waiting = forms().filter(busy);
    if (!link || !waiting.length || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    if ((link.target && link.target !== "_self") || link.hasAttribute("download") || link.getAttribute("href").startsWith("#")) return;
    event.preventDefault();
    waiting.forEach(send);
    const since = Date.now();
    const wait = setInterval(() => {
      if (forms().some(busy) && Date.now() - since < 5000) return;
      clearInterval(wait);
      location.assign(link.href);
    }, 25);
  });
  addEventListener("pageshow", () => { for (const form of forms()) form.inert = false; });
  addEventListener("pagehide", () => {
    for (const form of forms()) if (stateOf(form).unsent) fetch(form.action, { method: "POST", body: new FormData(form), keepalive: true, redirect: "manual" });
  });
})();
