// The page asks for what the engine made of a setting, and shows it; it computes nothing of the mathematics itself.
"use strict";
(() => {
  const {kinds, grids, axes, few, many, settings, live, first, home, says} = window.explorer;
  const at = (id) => document.getElementById(id);
  const made = (tag, given = {}, ...inside) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(given)) {
      if (name === "class") element.className = value;
      else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (typeof value === "boolean") element[name] = value;
      else element.setAttribute(name, value);
    }
    element.append(...inside);
    return element;
  };

  const told = (text) => text.split("`").map((part, place) => (place % 2 ? made("code", {}, part) : part));

  // What is chosen: axes, a grid, a word or "" for each kind, the kinds' order, and sizes by name.
  const state = {axes: 2, grid: "box", words: {}, order: kinds.map((k) => k.kind), sizes: {}};

  const keyOf = (s) => {
    const words = s.order.map((kind) => s.words[kind]).filter(Boolean);
    const inFront = words.includes("channels") ? ["channels"] : []; // an extension starts a derivation, wherever it is stated
    return `${s.axes}-${s.grid}:${[...inFront, ...words.filter((w) => w !== "channels")].join(".")}`;
  };
  const read = (key) => {
    const found = /^(\d)-(\w+):([\w.]*)$/.exec(key);
    if (!found) return false;
    const words = found[3].split(".").filter(Boolean);
    const kindOf = (word) => kinds.find((k) => k.options.some((o) => o.word === word))?.kind;
    if (!words.every(kindOf)) return false;
    state.axes = Number(found[1]);
    state.grid = found[2];
    state.words = Object.fromEntries(words.map((word) => [kindOf(word), word]));
    const stated = words.map(kindOf);
    state.order = [...stated, ...state.order.filter((kind) => !stated.includes(kind))];
    return true;
  };
  const isHeld = (s) => live || keyOf(s) in settings;
  const fits = (word) => kinds.some((k) => k.options.some((o) => o.word === word && o.axes.includes(state.axes)));

  // Data: script files beside the page, which it takes up as they load; or answers of `python -m derive serve`.
  const waiting = new Map();
  const kept = new Map();
  window.explorer.take = async (id, packed) => {
    const [resolve, reject] = waiting.get(id);
    try {
      const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
      const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
      resolve(await new Response(stream).json());
    } catch (error) {
      reject(error);
    }
  };
  const once = (name, begin) => { // what failed is asked for again
    if (!kept.has(name)) {
      kept.set(name, begin());
      kept.get(name).catch(() => kept.delete(name));
    }
    return kept.get(name);
  };
  const loaded = (id) => once(id, () => new Promise((resolve, reject) => {
    waiting.set(id, [resolve, reject]);
    document.head.append(made("script", {src: `data/${id}.js`, onerror: () => reject(new Error(`data/${id}.js is missing.`))}));
  }));
  const answer = (path) => once(path, async () => {
    const found = await fetch(path);
    if (!found.ok) throw new Error(await found.text());
    return found.json();
  });
  const layerOf = (key) => live ? answer(`layer?of=${encodeURIComponent(key)}`) : loaded(settings[key]);
  const pointOf = async (key, layer, place) => live
    ? answer(`sizes?of=${encodeURIComponent(key)}&at=${encodeURIComponent(place)}`)
    : {...layer.points[place], counts: layer.orders[key].counts[place]};

  // Controls.
  const radios = (id, choices, value, choose) => { // made once, so that the focus stays where it is
    if (!at(id).children.length) {
      at(id).append(...choices.map(([word, text]) => made("label", {},
        made("input", {type: "radio", name: id, value: String(word), onchange: () => choose(word)}), text)));
    }
    for (const input of at(id).querySelectorAll("input")) input.checked = input.value === String(value);
  };
  const changed = (kind, word) => ({...state, words: {...state.words, [kind]: word}});
  const rows = () => state.order.map((kind, place) => {
    const {label, options} = kinds.find((k) => k.kind === kind);
    const own = options.filter((o) => o.axes.includes(state.axes));
    const chosen = state.words[kind] ?? "";
    const offered = [["", "not stated"], ...own.map((o) => [o.word, o.says])].map(([word, text]) =>
      made("option", {value: word, selected: word === chosen, disabled: word !== chosen && !isHeld(changed(kind, word))}, text));
    const move = (by, arrow, where) => made("button", {type: "button", id: `${kind}-${where}`,
      disabled: place + by < 0 || place + by >= state.order.length || !isHeld({...state, order: moved(place, by)}),
      "aria-label": `State ${label.toLowerCase()} ${where}`, title: where, onclick: () => {
        state.order = moved(place, by);
        show();
        const again = [`${kind}-${where}`, `${kind}-${where === "earlier" ? "later" : "earlier"}`].map(at);
        (again.find((b) => !b.disabled) ?? at(`kind-${kind}`)).focus();
      }}, arrow);
    return made("li", {class: chosen ? "on" : ""}, made("label", {for: `kind-${kind}`}, label),
      made("select", {id: `kind-${kind}`, onchange: (event) => {
        state.words[kind] = event.target.value;
        show();
        at(`kind-${kind}`).focus();
      }}, ...offered), move(-1, "↑", "earlier"), move(1, "↓", "later"));
  });
  const moved = (place, by) => {
    const order = [...state.order];
    [order[place], order[place + by]] = [order[place + by], order[place]];
    return order;
  };
  const controls = () => {
    radios("axes", axes.map((n) => [n, `${n}-D`]), state.axes, (n) => {
      state.axes = n;
      for (const [kind, word] of Object.entries(state.words)) if (word && !fits(word)) state.words[kind] = swapped(kind);
      if (!isHeld(state)) state.words = {};
      show();
    });
    radios("grid", grids.map((g) => [g.word, g.says]), state.grid, (word) => {
      state.grid = word;
      show();
    });
    for (const input of at("grid").querySelectorAll("input")) input.disabled = !input.checked && !isHeld({...state, grid: input.value});
    at("constraints").replaceChildren(...rows());
  };
  const swapped = (kind) => kinds.find((k) => k.kind === kind).options.find((o) => o.axes.includes(state.axes))?.word ?? "";

  const sliders = (sizes) => {
    const there = [...at("sizes").querySelectorAll("input")].map((i) => `${i.id} ${i.max}`).join();
    for (const size of sizes) {
      const place = size.values.indexOf(state.sizes[size.name]);
      if (place < 0) state.sizes[size.name] = size.first;
    }
    if (there !== sizes.map((s) => `size-${s.name} ${s.values.length - 1}`).join()) {
      at("sizes").replaceChildren(...sizes.map((size) => made("div", {class: "slider"},
        made("label", {for: `size-${size.name}`, id: `label-${size.name}`}),
        made("input", {type: "range", id: `size-${size.name}`, min: "0", max: String(size.values.length - 1), oninput: (event) => {
          state.sizes[size.name] = size.values[Number(event.target.value)];
          show();
        }}))));
    }
    for (const size of sizes) {
      const value = state.sizes[size.name];
      const input = at(`size-${size.name}`);
      input.value = String(size.values.indexOf(value));
      input.setAttribute("aria-valuetext", `${size.label} = ${value}`);
      at(`label-${size.name}`).textContent = `${size.label} = ${value}`;
    }
    return sizes.map((s) => `${s.name}=${state.sizes[s.name]}`).join(",");
  };

  window.explorer.page = {at, made, told, few, many};

  let turn = 0;
  const show = async () => {
    const mine = ++turn;
    controls();
    const key = keyOf(state);
    try { history.replaceState(null, "", `#${key}`); } catch { /* a page from disk may have no history */ }
    const slow = setTimeout(() => document.body.classList.add("busy"), 150);
    try {
      const layer = await layerOf(key);
      if (mine !== turn) return;
      const place = sliders(layer.sizes);
      const point = await pointOf(key, layer, place);
      if (mine !== turn) return;
      window.explorer.shown(layer, layer.orders[key], point);
      document.body.dataset.shown = `${key} ${place}`;
    } catch (error) {
      if (mine === turn) window.explorer.failed(error);
    } finally {
      clearTimeout(slow);
      if (mine === turn) document.body.classList.remove("busy");
    }
  };

  const dark = (on) => {
    document.documentElement.dataset.theme = on ? "dark" : "light";
    at("theme").textContent = on ? "Light" : "Dark";
    at("theme").setAttribute("aria-label", on ? "Show in light colours" : "Show in dark colours");
  };
  const chosen = (() => { try { return localStorage.getItem("mode"); } catch { return null; } })(); // on the site's pages
  dark(["light", "dark"].includes(chosen) ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (event) => dark(event.matches));
  at("theme").addEventListener("click", () => dark(document.documentElement.dataset.theme !== "dark"));
  at("controls").addEventListener("submit", (event) => event.preventDefault());
  if (home) { at("home").href = home; at("home").hidden = false; }
  at("held").replaceChildren(...told(says));
  addEventListener("hashchange", () => { if (take(location.hash.slice(1)) && keyOf(state) !== "") show(); });
  const take = (key) => (live || decodeURIComponent(key) in settings) && read(decodeURIComponent(key));
  window.explorer.start = () => { if (!take(location.hash.slice(1))) read(first); show(); };
})();
