// Coupon pages: claims in place, a QR code that is renewed before it ends, and the clerk's camera.
(() => {
  "use strict";
  document.addEventListener("scrm:answer", (event) => {
    if (event.target.dataset.go === undefined) return;
    event.preventDefault();
    scrm.go(event.detail.location);
  });

  const box = document.querySelector("[data-fresh]");
  if (box) {
    const every = Math.max(5, Number(box.dataset.seconds) * 0.75) * 1000;
    const renew = async () => {
      try {
        const answer = await scrm.get(box.dataset.fresh);
        if (!answer.usable) return location.reload();
        const image = new DOMParser().parseFromString(answer.svg, "text/html").querySelector("svg");
        box.replaceChildren(image);
        if (box.dataset.stale) scrm.say("");
        delete box.dataset.stale;
      } catch {
        // Without a connection the code ends; it is shown for what it is.
        box.dataset.stale = "1";
        scrm.say(document.body.dataset.offline, "bad");
      }
      setTimeout(renew, every);
    };
    setTimeout(renew, every);
    document.addEventListener("visibilitychange", () => { if (!document.hidden) location.reload(); });
  }

  const auto = document.querySelector("[data-auto] [data-lookup]");
  if (auto) auto.requestSubmit();

  const lookup = document.querySelector("[data-lookup]");
  const camera = lookup && lookup.querySelector("[data-camera]");
  if (camera && "BarcodeDetector" in window && navigator.mediaDevices) {
    camera.classList.remove("hidden");
    camera.addEventListener("click", async () => {
      const view = lookup.querySelector("[data-view]");
      let stream;
      try {
        stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      } catch {
        return camera.classList.add("hidden");
      }
      view.classList.remove("hidden");
      view.srcObject = stream;
      await view.play();
      const detector = new BarcodeDetector({ formats: ["qr_code", "code_128"] });
      const look = async () => {
        const found = await detector.detect(view).catch(() => []);
        if (!found.length) return void setTimeout(look, 200);
        stream.getTracks().forEach((track) => track.stop());
        lookup.elements.text.value = found[0].rawValue.slice(0, 500);
        lookup.requestSubmit();
      };
      look();
    });
  }
})();
