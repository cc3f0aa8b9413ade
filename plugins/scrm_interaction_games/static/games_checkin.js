// Check-in: says what the server answered and shows the page anew, which then has the day stamped.
(() => {
  "use strict";
  const place = document.querySelector("[data-checkin]");
  if (!place) return;
  const KEY = "scrm-checkin";

  const told = (answer, made) => {
    const words = [made ? place.dataset.made : place.dataset.done];
    const rewards = [answer.reward, ...answer.milestones].filter(Boolean);
    for (const reward of rewards) {
      const missed = reward.state === "sold_out" || reward.state === "prize_limit";
      const kept = { granted: place.dataset.reward, held: place.dataset.held }[reward.state] || place.dataset.pending;
      words.push(missed ? place.dataset.sold_out : kept.replace("{}", reward.title));
    }
    return words.join(" · ");
  };

  document.addEventListener("scrm:answer", (event) => {
    event.preventDefault();
    const words = told(event.detail, event.target.hasAttribute("data-make-up"));
    sessionStorage.setItem(KEY, event.detail.day);
    scrm.renew(words);
  });
  const stamped = sessionStorage.getItem(KEY);
  if (stamped) {
    sessionStorage.removeItem(KEY);
    const cell = document.querySelector(`[data-day="${CSS.escape(stamped)}"]`);
    if (cell) cell.classList.add("fresh");
  }
  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });
})();
