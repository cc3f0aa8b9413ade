// What the console's pages do more where a browser runs scripts; without one, buttons and reloads do the same.
"use strict";

// Groups of the menu that somebody opened stay open while they look around in this tab; the page that is shown stands in sight.
for (const group of document.querySelectorAll("[data-group]")) {
  const kept = `group ${group.dataset.group}`;
  group.open ||= kept in sessionStorage;
  // A click, also of the keyboard, comes before what it does.
  group.querySelector("summary").addEventListener("click", () => group.open ? sessionStorage.removeItem(kept) : sessionStorage.setItem(kept, "1"));
}
document.querySelector(".side [aria-current]")?.scrollIntoView({ block: "nearest" });

// What stands behind a chart is printed with it; browsers that can open it by style do so without this.
addEventListener("beforeprint", () => document.querySelectorAll(".behind:not([open])").forEach((each) => { each.open = true; each.dataset.printed = ""; }));
addEventListener("afterprint", () => document.querySelectorAll("[data-printed]").forEach((each) => { each.open = false; delete each.dataset.printed; }));

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

// [data-ask]: what is typed into this field is asked for at once, as the end of that address; the answer stands in data-into.
for (const field of document.querySelectorAll("[data-ask]")) {
  const target = document.getElementById(field.dataset.into);
  let waiting, asked = 0;
  field.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(async () => {
      const mine = ++asked;
      const answer = await fetch(field.dataset.ask + encodeURIComponent(field.value), { headers: { Accept: "text/html" } }).catch(() => null);
      if (mine === asked && answer && answer.ok && !answer.redirected) target.innerHTML = await answer.text();
    }, 400);
  });
}

// [data-poll]: a part of the page that is not over yet is asked for again every two seconds, while somebody looks. What is
// the same is left as it is, so that a screen reader does not read it again; who is at a button of it stays there; and
// what [data-say] says that it did not say before is said aloud.
for (const part of document.querySelectorAll("[data-poll]")) {
  const doors = () => [...part.querySelectorAll("a, button, input, summary, [tabindex]")];
  const says = () => [...part.querySelectorAll("[data-say]")].map((each) => each.dataset.say);
  const voice = document.createElement("p");
  voice.className = "hidden";
  voice.setAttribute("role", "status");
  part.after(voice);
  let shown;
  const again = async () => {
    if (!document.hidden) {
      const answer = await fetch(part.dataset.poll, { headers: { Accept: "text/html" } }).catch(() => null);
      if (answer && (answer.redirected || !answer.ok)) return;
      const text = await answer?.text();
      if (answer && text !== shown) {
        const at = doors().indexOf(document.activeElement), before = says();
        part.innerHTML = shown = text;
        if (at >= 0) doors()[at]?.focus();
        voice.textContent = says().filter((each) => !before.includes(each)).join(", ");
      }
    }
    if (part.querySelector("[data-running]")) setTimeout(again, 2000);
  };
  if (part.querySelector("[data-running]")) setTimeout(again, 2000);
}

// [data-pieces]: a file that is too large for one request is sent in pieces; a smaller one as without a script.
for (const form of document.querySelectorAll("[data-pieces]")) {
  const told = form.querySelector("[role=alert]"), bar = form.querySelector("progress"), button = form.querySelector("button");
  const say = (words) => { told.textContent = words; told.classList.toggle("hidden", !words); };
  form.addEventListener("submit", async (event) => {
    const file = form.elements.file.files[0], size = Number(form.dataset.pieces);
    if (!file || file.size <= size) return;
    event.preventDefault();
    if (file.size > Number(form.dataset.most)) return say(told.dataset.tooLarge);
    say("");
    button.disabled = true;
    bar.classList.remove("hidden");
    let place = form.action, answer, body = new FormData(form);
    for (let nth = 0; nth * size < file.size; nth++) {
      const last = (nth + 1) * size >= file.size;
      if (nth) body = new FormData();
      body.set("csrf", form.elements.csrf.value);
      body.set("file", file.slice(nth * size, (nth + 1) * size), file.name);
      for (const [name, value] of nth ? [["nth", nth], ...(last ? [["last", 1]] : [])] : [["more", 1]]) body.set(name, value);
      const response = await fetch(place, { method: "POST", body, headers: { Accept: "application/json" } }).catch(() => null);
      answer = await response?.json().catch(() => null);
      if (!response?.ok || !answer?.piece) { button.disabled = false; bar.classList.add("hidden"); return say(answer?.problem || told.dataset.broken); }
      place = answer.piece;
      bar.value = Math.min(100, ((nth + 1) * size / file.size) * 100);
    }
    location.assign(answer.place);
  });
}
