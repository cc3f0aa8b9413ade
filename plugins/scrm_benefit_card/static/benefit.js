// A card's page: code and PIN are copied by a tap; where the browser does not allow it, the code is selected.
(() => {
  "use strict";
  const select = (box) => {
    const range = document.createRange();
    range.selectNodeContents(box);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
  };
  // Pages within other apps, and pages without https, have no clipboard of the new kind.
  const copy = async (box) => {
    if (navigator.clipboard) return navigator.clipboard.writeText(box.textContent);
    select(box);
    if (!document.execCommand("copy")) throw new Error("copy");
  };
  for (const button of document.querySelectorAll("[data-copy]")) {
    const box = document.getElementById(button.dataset.copy);
    button.classList.remove("hidden");
    button.addEventListener("click", () => {
      copy(box).then(
        () => scrm.say(button.dataset.copied, "good"),
        () => { select(box); scrm.say(button.dataset.failed, "bad"); },
      );
    });
  }
})();
