// A photo of a telephone is larger than a form takes: it is drawn smaller before it is sent. Without this script, or
// where the browser cannot, it is sent as it is, and the page says when it is too large.
(() => {
  "use strict";
  const SIDE = 1600;
  const ENOUGH = 400000;
  const MOST = 850000;
  document.addEventListener("change", async (event) => {
    const input = event.target;
    const file = input.matches("[data-picture] input[type=file]") && input.files[0];
    if (!file || file.size <= ENOUGH) return;
    const button = input.form.querySelector("button");
    button.disabled = true;
    try {
      const picture = await createImageBitmap(file);
      const scale = Math.min(1, SIDE / Math.max(picture.width, picture.height));
      const canvas = document.createElement("canvas");
      canvas.width = Math.round(picture.width * scale);
      canvas.height = Math.round(picture.height * scale);
      canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
      let small;
      for (const quality of [0.82, 0.6, 0.4]) {
        small = await new Promise((done) => canvas.toBlob(done, "image/jpeg", quality));
        if (small.size <= MOST) break;
      }
      const chosen = new DataTransfer();
      chosen.items.add(new File([small], "picture.jpg", { type: "image/jpeg" }));
      input.files = chosen.files;
    } catch {
      // The server looks at it.
    } finally {
      button.disabled = false;
    }
  });
})();
