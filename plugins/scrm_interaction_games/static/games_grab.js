// Daily grab: counts down in the server's time, whatever the phone's clock says, and opens the button at zero.
(() => {
  "use strict";
  const rush = document.querySelector("[data-rush]");
  if (!rush) return;
  const began = performance.now();
  const total = Number(rush.dataset.in);
  const clock = rush.querySelector("[data-clock]");
  const button = rush.querySelector("[data-wait]");

  const tick = () => {
    const left = Math.max(0, total - (performance.now() - began));
    const seconds = Math.ceil(left / 1000);
    const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
    clock.querySelectorAll("b").forEach((part, place) => { part.textContent = String(parts[place]).padStart(2, "0"); });
    if (left === 0) {
      // A page made at the opening knows what is left; everybody waits a little differently long for it.
      setTimeout(() => location.reload(), Math.random() * 400);
      return;
    }
    setTimeout(tick, Math.min(1000, left % 1000 || 1000));
  };
  if (clock && rush.dataset.in) tick();

  rush.addEventListener("scrm:answer", (event) => {
    event.preventDefault();
    const words = event.target.dataset;
    const said = { granted: words.got, held: words.held }[event.detail.state] || words.pending;
    scrm.renew(`${said} ${event.detail.title}`);
  });
  rush.addEventListener("scrm:refusal", (event) => {
    if (!["drop_sold_out", "grabbed"].includes(event.detail.code)) return;
    const pressed = rush.querySelector(".rush-go");
    pressed.disabled = true;
    pressed.textContent = event.detail.detail;
  });
  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });
})();
