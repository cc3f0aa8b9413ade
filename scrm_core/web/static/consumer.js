// The consumer frame. Pages work without it; with it a form is sent once and answered in place.
//
//   <form data-scrm-post method="post" action="...">   posts by scrm.post; the answer arrives as the event
//                                                      "scrm:answer" (detail: the JSON) or "scrm:refusal" on the form;
//                                                      unless a listener of "scrm:answer" calls preventDefault(), the
//                                                      browser goes to the answer's "back", as without a script
//   scrm.post(form)  -> Promise of the JSON; rejects with {code, detail, status}; the form's buttons rest meanwhile
//   scrm.get(url)    -> Promise of the JSON
//   scrm.say(text, kind)  writes into #result, which screen readers announce; kind: "good", "bad" or nothing
//   scrm.go(address, words, kind)  goes on to a page, which says the words; the forms here rest until it is there
//   scrm.renew(words, kind)        the same for this page, anew
//   scrm.calm        true for people who ask for no motion
//   <button type="button" data-copy="ID" hidden>   shown with a script alone; copies the text of #ID, which it selects
//                                                  too: where nothing may be copied, the phone's own menu does it
(() => {
  "use strict";
  const SAID = "scrm-said";
  const body = () => document.body.dataset;
  let leaving = false;
  const scrm = {
    calm: matchMedia("(prefers-reduced-motion: reduce)").matches,
    say(text, kind = "") {
      const box = document.getElementById("result");
      if (!box) return;
      box.className = "result " + kind;
      box.textContent = text;
    },
    go(address, words = "", kind = "good") {
      leave(words, kind);
      location.assign(address);
    },
    renew(words = "", kind = "good") {
      leave(words, kind);
      location.reload();
    },
    async get(url) {
      return answer(await reach(url, {}));
    },
    async post(form) {
      if (leaving || form.dataset.busy) return new Promise(() => {});
      form.dataset.busy = "1";
      const data = new URLSearchParams(new FormData(form, form.scrmSubmitter || undefined));
      const once = form.elements.once && form.elements.once.value;
      const buttons = [...document.querySelectorAll("button")].filter((b) => b.form === form && !b.disabled);
      buttons.forEach((b) => { b.disabled = true; });
      form.setAttribute("aria-busy", "true");
      let settled = false;
      try {
        const json = await answer(await reach(form.action, { method: "POST", body: data }));
        settled = true;
        return json;
      } catch (problem) {
        settled = problem.status > 0;
        throw problem;
      } finally {
        // After an answer the next press is a new one; without an answer it asks for the same answer again.
        // The forms of a page begin with one value: whoever still holds the used one would be refused with it.
        if (settled && once) {
          document.querySelectorAll("input[name=once]").forEach((e) => { if (e.value === once) e.value = key(); });
        }
        buttons.forEach((b) => { b.disabled = false; });
        form.removeAttribute("aria-busy");
        delete form.dataset.busy;
      }
    },
  };
  // The next page may take seconds to come: until then a second tap would ask for a second act.
  function leave(words, kind) {
    leaving = true;
    if (words) sessionStorage.setItem(SAID, JSON.stringify([words, kind]));
    document.querySelectorAll("form button").forEach((b) => {
      if (b.disabled || b.form.method !== "post") return;
      b.dataset.rests = "1";
      b.disabled = true;
    });
  }
  function key() {
    return [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
  }
  async function reach(url, options) {
    try {
      return await fetch(url, { ...options, headers: { Accept: "application/json" }, credentials: "same-origin" });
    } catch {
      throw { status: 0, code: "offline", detail: body().offline };
    }
  }
  async function answer(response) {
    let json = {};
    try { json = await response.json(); } catch { /* an answer that is no JSON says nothing */ }
    if (response.ok) return json;
    if (response.status === 401 && json.join) location.assign(json.join);
    throw { status: response.status, code: json.code || "error", detail: json.detail || body().offline, field: json.field };
  }
  addEventListener("submit", (event) => {
    const form = event.target;
    if (leaving && form.method === "post") {
      event.preventDefault();
    } else if (form.dataset.scrmPost !== undefined) {
      event.preventDefault();
      form.scrmSubmitter = event.submitter;
      scrm.say(body().working);
      scrm.post(form).then(
        (json) => {
          scrm.say("");
          const told = new CustomEvent("scrm:answer", { bubbles: true, cancelable: true, detail: json });
          if (!form.dispatchEvent(told)) return;
          if (json.back) scrm.go(json.back);
          else scrm.say(body().done, "good");
        },
        (problem) => {
          scrm.say(problem.detail, "bad");
          form.dispatchEvent(new CustomEvent("scrm:refusal", { bubbles: true, detail: problem }));
        },
      );
    } else if (form.method === "post") {
      if (form.dataset.busy) { event.preventDefault(); return; }
      form.dataset.busy = "1";
      form.setAttribute("aria-busy", "true");
      scrm.say(body().working);
      // Later, so that the pressed button's own value is still sent.
      setTimeout(() => document.querySelectorAll("button").forEach((b) => { if (b.form === form) b.disabled = true; }), 0);
    }
  });
  // Back to a page that was kept: its forms may be sent again, and are answered as the first time.
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    leaving = false;
    scrm.say("");
    document.querySelectorAll("button[data-rests]").forEach((b) => { b.disabled = false; });
    document.querySelectorAll("form[data-busy]").forEach((form) => {
      delete form.dataset.busy;
      form.removeAttribute("aria-busy");
      document.querySelectorAll("button").forEach((b) => { if (b.form === form) b.disabled = false; });
    });
  });
  document.querySelectorAll("button[data-copy]").forEach((b) => { b.hidden = false; });
  addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-copy]");
    if (!button) return;
    const shown = document.getElementById(button.dataset.copy);
    if (shown.select) shown.select();  // a field
    else getSelection().selectAllChildren(shown);
    const done = await copied((shown.value ?? shown.textContent).trim());
    scrm.say(done ? body().copied : body().selected, done ? "good" : "");
  });
  // A page that is not served by https, and a browser inside an app, has no clipboard or refuses it.
  async function copied(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      return document.execCommand("copy");
    }
  }
  window.scrm = scrm;
  // A page that answered a form is, for a reload and for the back button, the page that the form was on.
  if (body().place) history.replaceState(null, "", body().place);
  const said = sessionStorage.getItem(SAID);
  if (said) {
    sessionStorage.removeItem(SAID);
    scrm.say(...JSON.parse(said));
  }
})();
