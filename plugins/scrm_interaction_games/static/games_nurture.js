// Nurture: pouring is answered in place; whatever changes what can be gathered shows the page anew.
(() => {
  "use strict";
  const garden = document.querySelector("[data-garden]");
  if (!garden) return;

  garden.addEventListener("submit", () => garden.classList.add("pouring"));
  garden.addEventListener("scrm:refusal", () => garden.classList.remove("pouring"));
  document.addEventListener("scrm:answer", (event) => {
    event.preventDefault();
    const form = event.target;
    const answer = event.detail;
    if (form.hasAttribute("data-begin")) return scrm.renew();
    if (form.hasAttribute("data-collect")) {
      const got = answer.amount === 1 ? garden.dataset.got_one : garden.dataset.got;
      if (answer.right === false) return scrm.renew(garden.dataset.wrong, "bad");
      return scrm.renew(got.replace("{}", answer.amount));
    }
    garden.querySelector("[data-water]").textContent = String(answer.water);
    garden.querySelector("[data-into]").textContent = String(answer.progress.into);
    garden.querySelector("[data-progress]").value = answer.progress.into;
    const reward = answer.reward && answer.reward.state;
    const grown = { granted: garden.dataset.finished, held: garden.dataset.held }[reward] || garden.dataset.pending;
    const words = answer.finished ? grown : answer.grew ? garden.dataset.grew : "";
    const left = answer.water === 1 ? garden.dataset.poured_one : garden.dataset.poured;
    if (!words) scrm.say(left.replace("{}", answer.water), "good");
    // While it pours, a second tap is part of the first one.
    const button = garden.querySelector(".garden-go");
    button.disabled = true;
    setTimeout(() => {
      garden.classList.remove("pouring");
      if (words) scrm.renew(words);
      else button.disabled = answer.water === 0;
    }, 700);
    return undefined;
  });

  // A stay is proven by the server's clock; this only says how long it still takes.
  const stay = document.querySelector("[data-stay]");
  if (stay) {
    const button = stay.querySelector("button");
    const ends = performance.now() + Number(stay.dataset.left);
    const tick = () => {
      const left = Math.ceil((ends - performance.now()) / 1000);
      button.disabled = left > 0;
      const words = left === 1 ? stay.dataset.words_one : stay.dataset.words;
      button.textContent = left > 0 ? words.replace("{}", left) : button.dataset.label;
      if (left > 0) setTimeout(tick, 250);
    };
    tick();
    stay.scrollIntoView({ block: "center" });
  }

  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });
})();
