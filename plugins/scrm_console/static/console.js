// What the console's pages do more where a browser runs scripts; without one, buttons and reloads do the same.
"use strict";

// On a phone the menu is a line that is moved sideways: the page that is shown stands in sight.
document.querySelector(".side [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

// [data-live]: what is typed in a form's text area is asked for at once; the answer stands in the element data-into.
for (const form of document.querySelectorAll("[data-live]")) {
  const target = document.getElementById(form.dataset.into);
  let waiting, asked = 0;
  form.addEventListener("input", (event) => {
    if (event.target.tagName !== "TEXTAREA") return;
    clearTimeout(waiting);
    waiting = setTimeout(async () => {
      const mine = ++asked;
      const answer = await fetch(form.dataset.live, { method: "POST", body: new URLSearchParams(new FormData(form)) }).catch(() => null);
      // A later answer is of what stands there now; one that asks to sign in is no part of this page.
      if (mine === asked && answer && answer.ok && !answer.redirected) target.innerHTML = await answer.text();
    }, 400);
  });
}

// [data-poll]: a part of the page that is not over yet is asked for again every two seconds, while somebody looks.
for (const part of document.querySelectorAll("[data-poll]")) {
  const again = async () => {
    if (!document.hidden) {
      const answer = await fetch(part.dataset.poll, { headers: { Accept: "text/html" } }).catch(() => null);
      if (answer && (answer.redirected || !answer.ok)) return;
      if (answer) part.innerHTML = await answer.text();
    }
    if (part.querySelector("[data-running]")) setTimeout(again, 2000);
  };
  if (part.querySelector("[data-running]")) setTimeout(again, 2000);
}
