// Nurture: pouring is answered in place; whatever changes what can be gathered shows the page anew.
(() => {
  "use strict";
  const garden = document.querySelector("[data-garden]");
  if (!garden) return;
  const KEY = "scrm-nurture";
  const again = (words) => {
    sessionStorage.setItem(KEY, words);
    location.replace(location.pathname);
  };

  garden.addEventListener("submit", () => garden.classList.add("pouring"));
  garden.addEventListener("scrm:refusal", () => garden.classList.remove("pouring"));
  document.addEventListener("scrm:answer", (event) => {
    event.preventDefault();
    const form = event.target;
    const answer = event.detail;
    if (form.hasAttribute("data-begin")) return again("");
    if (form.hasAttribute("data-collect")) {
      const got = answer.amount === 1 ? garden.dataset.got_one : garden.dataset.got;
      return again(answer.right === false ? garden.dataset.wrong : got.replace("{}", answer.amount));
    }
    garden.querySelector("[data-water]").textContent = String(answer.water);
    garden.querySelector("[data-into]").textContent = String(answer.progress.into);
    garden.querySelector("[data-progress]").value = answer.progress.into;
    const reward = answer.reward && answer.reward.state;
    const grown = { granted: garden.dataset.finished, held: garden.dataset.held }[reward] || garden.dataset.pending;
    const words = answer.finished ? grown : answer.grew ? garden.dataset.grew : "";
    setTimeout(() => {
      garden.classList.remove("pouring");
      if (words) again(words);
      else if (answer.water === 0) garden.querySelector(".garden-go").disabled = true;
    }, scrm.calm ? 0 : 700);
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

  const kept = sessionStorage.getItem(KEY);
  if (kept) {
    sessionStorage.removeItem(KEY);
    scrm.say(kept, "good");
  }
  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });
})();
