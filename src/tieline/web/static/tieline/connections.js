/* Pages of connections: copying an address, asking before a disconnect. Both pages work without it. */
(() => {
  "use strict";
  const arm = () => { for (const button of document.querySelectorAll("[data-copies][hidden]")) button.hidden = false; };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", arm); else arm();

  const copy = async (field) => {
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {  // plain http: browsers give the clipboard to secure pages only
      field.select();
      document.execCommand("copy");
    }
  };
  document.addEventListener("click", async (event) => {
    const opener = event.target.closest("[data-opens-here]");
    const dialog = opener && document.getElementById(opener.dataset.opensHere);
    if (dialog) {
      event.preventDefault();
      dialog.showModal();
      return;
    }
    const button = event.target.closest("[data-copies]");
    if (!button) return;
    await copy(document.getElementById(button.dataset.copies));
    const said = button.firstChild, before = said.textContent;
    said.textContent = button.dataset.copied;
    setTimeout(() => { said.textContent = before; }, 2000);
  });
})();
