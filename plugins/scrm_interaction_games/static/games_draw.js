// Lucky wheel and golden eggs: the form works without this file; with it the answer is shown where it was asked for.
// The prize is always the one in the server's answer: nothing here draws anything, this page only adds a random
// part of its own to the number.
(() => {
  "use strict";
  const stage = document.querySelector("[data-stage]");
  if (!stage) return;
  const dialog = document.querySelector("[data-result]");
  const disc = stage.querySelector("[data-disc]");
  let busy = false;

  const wait = (ms) => new Promise((done) => setTimeout(done, scrm.calm ? 0 : ms));

  // The wheel turns while the server decides and comes to rest on the slice of the recorded prize.
  const wheel = {
    begin() {
      stage.classList.add("turning");
      if (scrm.calm || !disc.animate) return;
      const angle = Number(disc.dataset.angle);
      this.from = angle;
      this.free = disc.animate(
        [{ transform: `rotate(${angle}deg)` }, { transform: `rotate(${angle + 360}deg)` }],
        { duration: 700, iterations: Infinity },
      );
    },
    async land(answer) {
      const slice = answer.slice && stage.querySelector(`[data-slice="${CSS.escape(answer.slice)}"]`);
      const target = slice ? (360 - Number(slice.dataset.middle)) % 360 : 0;
      if (this.free) {
        const now = (this.from + (360 * (this.free.currentTime % 700)) / 700) % 360;
        const end = target + 360 * (now > target ? 5 : 4);
        this.free.cancel();
        const run = disc.animate(
          [{ transform: `rotate(${now}deg)` }, { transform: `rotate(${end}deg)` }],
          { duration: 3200, easing: "cubic-bezier(0.12, 0.75, 0.16, 1)", fill: "forwards" },
        );
        await run.finished;
        disc.setAttribute("transform", `rotate(${target})`);
        run.cancel();
      }
      disc.setAttribute("transform", `rotate(${target})`);
      disc.dataset.angle = String(target);
      stage.classList.remove("turning");
      await wait(300);
    },
    stop() {
      if (this.free) this.free.cancel();
      stage.classList.remove("turning");
    },
  };

  const eggs = {
    begin(button) {
      this.place = button.closest("[data-egg]");
      this.place.classList.add("hit");
    },
    async land(answer) {
      await wait(900);
      this.place.classList.remove("hit");
      this.place.classList.add("broken");
      const word = this.place.querySelector("[data-word]");
      word.textContent = answer.title || dialog.dataset.none;
      word.classList.toggle("won", answer.won);
      await wait(300);
    },
    stop() {
      this.place.classList.remove("hit");
    },
  };

  const show = (answer) => {
    dialog.classList.toggle("won", answer.won);
    dialog.classList.toggle("lost", !answer.won);
    dialog.querySelector("[data-title]").textContent = dialog.dataset[answer.word] || dialog.dataset.none;
    dialog.querySelector("[data-prize]").textContent = answer.title;
    dialog.querySelector("[data-more]").textContent = !answer.won ? "" : dialog.dataset[answer.state === "granted" ? "more" : "pending"];
    dialog.dataset.draw = answer.draw;
    scrm.say(`${dialog.dataset[answer.word] || ""} ${answer.title}`, answer.won ? "good" : "");
    dialog.showModal();
  };

  // This device's part of the draw's number, new for each draw: the server cannot know it beforehand.
  const seed = (form) => {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    form.elements.client_seed.value = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  };

  const play = disc ? wheel : eggs;
  // Before the frame sends the form: a tap while the last answer is still being shown asks for nothing.
  stage.addEventListener("submit", (event) => {
    if (busy) {
      event.preventDefault();
      event.stopPropagation();
      return;
    }
    busy = true;
    seed(event.target);
    play.begin(event.submitter || event.target.querySelector("button"));
  });
  stage.addEventListener("scrm:answer", async (event) => {
    event.preventDefault();
    await play.land(event.detail);
    show(event.detail);
  });
  stage.addEventListener("scrm:refusal", () => {
    play.stop();
    busy = false;
  });
  // The next draw needs a page that knows of this one; so does a page out of the browser's memory.
  dialog.addEventListener("close", () => scrm.renew());
  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });
})();
