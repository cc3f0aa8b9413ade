// Bargain, group-buy, join gift, invitations: the forms work without this file. With it the page stays where it is,
// says what came of the press, and shows the time that is left.
(() => {
  "use strict";
  document.addEventListener("scrm:answer", (event) => {
    event.preventDefault();
    // A prize may be given, on its way or under review: the form has words for what its answer says.
    const words = event.target.dataset[`said_${event.detail.state}`] || event.target.dataset.said || "";
    scrm.renew(words.replace(/\{(\w+)\}/g, (_, name) => String(event.detail[name] ?? "")));
  });

  const shown = [...document.querySelectorAll("[data-until]")];
  // The page knows the server's clock only as of its arrival; a wrong clock of the phone changes nothing.
  const arrived = Date.now();
  const two = (number) => String(number).padStart(2, "0");
  function tick() {
    for (const each of shown) {
      const left = Math.max(0, Math.floor((Number(each.dataset.until) - Number(each.dataset.now) - (Date.now() - arrived)) / 1000));
      const days = Math.floor(left / 86400);
      const clock = `${two(Math.floor(left / 3600) % 24)}:${two(Math.floor(left / 60) % 60)}:${two(left % 60)}`;
      each.textContent = days ? `${days}${each.dataset.days} ${clock}` : clock;
    }
  }
  if (shown.length) {
    tick();
    setInterval(tick, 1000);
  }

  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });
})();
