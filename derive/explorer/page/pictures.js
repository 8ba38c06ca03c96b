// Matrices as pictures, texts with their words told apart, and everything that a setting's data become on the page.
"use strict";
(() => {
  const {at, made, told, few, many} = window.explorer.page;
  const SPANS = {matrix: 400, filter: 270}, LEFT = 38, TOP = 34, MOST_WORDS = 81;
  const drawn = (tag, given, text) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(given)) element.setAttribute(name, value);
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const grouped = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, "\u00a0");

  // Runs of equal entries of a row are one stroke; a path holds all strokes of one colour.
  const runs = (cells, columns) => {
    const paths = new Map();
    for (let start = 0, place = 1; place <= cells.length; place++) {
      if (place < cells.length && place % columns && cells[place] === cells[start]) continue;
      if (cells[start]) {
        const path = `M${start % columns} ${Math.floor(start / columns)}h${place - start}`;
        paths.set(cells[start], (paths.get(cells[start]) ?? "") + path);
      }
      start = place;
    }
    return paths;
  };
  const dark = (colour) => {
    const [red, green, blue] = [1, 3, 5].map((k) => parseInt(colour.slice(k, k + 2), 16) / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.1791; // where white stands out more than black
  };
  const linked = [];

  const picture = (where, field, says) => {
    const {rows, columns, cells, blocks, down, across, names} = field;
    const scale = SPANS[where] / Math.max(rows, columns);
    const palette = field.colours > few.length ? many : few;
    const svg = drawn("svg", {viewBox: `0 0 ${LEFT + columns * scale + 2} ${TOP + rows * scale + 2}`, role: "img", "aria-label": says});
    svg.style.maxWidth = `${Math.round((LEFT + columns * scale) * 1.25)}px`;
    const group = drawn("g", {transform: `translate(${LEFT} ${TOP}) scale(${scale})`});
    group.append(drawn("rect", {class: "ground", width: columns, height: rows}));
    const strokes = drawn("g", {transform: "translate(0 .5)", "stroke-width": 1, fill: "none", "shape-rendering": "crispEdges"});
    const paths = new Map();
    for (const [number, path] of runs(cells, columns)) {
      paths.set(number, drawn("path", {d: path, stroke: palette[number - 1]}));
      strokes.append(paths.get(number));
    }
    let lines = "";
    for (let row = blocks[0]; blocks[0] > 1 && row < rows; row += blocks[0]) lines += `M0 ${row}h${columns}`;
    for (let column = blocks[1]; blocks[1] > 1 && column < columns; column += blocks[1]) lines += `M${column} 0v${rows}`;
    const thin = {"stroke-width": 1 / scale};
    group.append(strokes, drawn("path", {class: "blocks", d: lines, ...thin}), drawn("rect", {class: "frame", width: columns, height: rows, ...thin}));
    const cursor = drawn("rect", {class: "cursor", width: 1, height: 1, "stroke-width": 3 / scale, visibility: "hidden"});
    group.append(cursor);
    svg.append(group);
    const ticks = (extent, block, axis, name, low) => {
      const every = Math.max(1, Math.ceil(extent / block / 8));
      for (let number = 0; number * block < extent; number += every) {
        const middle = (number + 0.5) * block * scale;
        const text = String(number + low).replace("-", "−");
        svg.append(axis ? drawn("text", {x: LEFT + middle, y: TOP - 6, "text-anchor": "middle", "font-size": 13}, text)
          : drawn("text", {x: LEFT - 6, y: TOP + middle + 4, "text-anchor": "end", "font-size": 13}, text));
      }
      if (axis) svg.append(drawn("text", {x: LEFT, y: 12, "font-size": 13}, `${name} →`));
      else if (name.length > 2) {
        svg.append(drawn("text", {x: 12, y: TOP, "font-size": 13, "text-anchor": "end", transform: `rotate(-90 12 ${TOP})`}, `← ${name}`));
      } else svg.append(drawn("text", {x: LEFT - 6, y: TOP - 6, "font-size": 13, "text-anchor": "end"}, `${name} ↓`));
    };
    if (down) ticks(rows, blocks[0], 0, down, field.low?.[0] ?? 0);
    ticks(columns, blocks[1], 1, across, field.low?.[1] ?? 0);
    if (cells.length <= MOST_WORDS && field.words) {
      const words = cells.map((number) => (names[number] ?? "").replace(/^\w+\[(.*)\]$/, "$1").replaceAll("-", "−"));
      const size = Math.min(18, scale / 3, (scale * 1.6) / Math.max(1, ...words.map((word) => word.length)));
      if (size > 8) {
        words.forEach((word, place) => svg.append(drawn("text", {class: "inside", "data-number": cells[place], "text-anchor": "middle", "font-size": size,
          x: LEFT + (place % columns + 0.5) * scale, y: TOP + (Math.floor(place / columns) + 0.5) * scale + size / 3,
          style: `fill: ${cells[place] && dark(palette[cells[place] - 1]) ? "#fff" : "#000"}`}, word)));
      }
    }
    at(where).replaceChildren(svg);
    const entry = {where, cells, columns, rows, names, paths, cursor, svg, scale, place: field.name, low: field.low ?? [0, 0], blocks};
    linked.push(entry);
    return entry;
  };

  // One weight at a time: everything that it stands at, in both pictures.
  const point = (entry, place) => {
    const number = place === null ? 0 : entry.cells[place];
    for (const other of linked) {
      for (const [own, path] of other.paths) path.classList.toggle("dim", number > 0 && own !== number);
      for (const word of other.svg.querySelectorAll(".inside")) {
        word.classList.toggle("faint", number > 0 && word.dataset.number !== String(number));
      }
      other.cursor.setAttribute("visibility", other === entry && place !== null ? "visible" : "hidden");
    }
    if (place === null) { at("told").textContent = ""; return; }
    entry.current = place;
    const row = Math.floor(place / entry.columns), column = place % entry.columns;
    entry.cursor.setAttribute("x", column);
    entry.cursor.setAttribute("y", row);
    const times = linked[0].cells.filter((n) => n === number).length;
    const where = `${entry.place} at row ${row + entry.low[0]}, column ${column + entry.low[1]}`;
    at("told").textContent = number ? `${where} is ${entry.names[number] ?? `weight ${number}`}, which stands at ${grouped(times)} of the entries of W.`
      : `${where} is 0.`;
  };
  const bind = (where) => {
    const box = at(where);
    const mine = () => linked.find((e) => e.where === where);
    box.addEventListener("pointermove", (event) => {
      const entry = mine();
      const area = entry.svg.getBoundingClientRect();
      const unit = entry.svg.viewBox.baseVal.width / area.width;
      const column = Math.floor(((event.clientX - area.left) * unit - LEFT) / entry.scale);
      const row = Math.floor(((event.clientY - area.top) * unit - TOP) / entry.scale);
      const inside = column >= 0 && row >= 0 && column < entry.columns && row < entry.rows;
      point(entry, inside ? row * entry.columns + column : null);
    });
    for (const event of ["pointerleave", "blur"]) box.addEventListener(event, () => point(mine(), null));
    box.addEventListener("focus", () => point(mine(), mine().current ?? 0));
    box.addEventListener("keydown", (event) => {
      const entry = mine();
      const [down, right] = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]}[event.key] ?? [0, 0];
      if (!down && !right) return;
      event.preventDefault();
      const now = entry.current ?? 0;
      const row = Math.min(entry.rows - 1, Math.max(0, Math.floor(now / entry.columns) + down));
      const column = Math.min(entry.columns - 1, Math.max(0, now % entry.columns + right));
      point(entry, row * entry.columns + column);
    });
  };
  bind("matrix");
  bind("filter");

  const WORDS = /("""[\s\S]*?"""|"[^"\n]*")|(#[^\n]*)|\b(def|return|for|in|range|import|from|if|else|and|not|or|None|lambda)\b/g;
  const coloured = (where, text) => {
    const parts = [];
    let done = 0;
    for (const found of text.matchAll(WORDS)) {
      parts.push(text.slice(done, found.index), made("span", {class: found[1] ? "string" : found[2] ? "comment" : "word"}, found[0]));
      done = found.index + found[0].length;
    }
    if (at(where).textContent !== text) at(where).replaceChildren(...parts, text.slice(done));
  };

  // What scrolls fades where it goes on.
  const goesOn = (part) => {
    part.toggleAttribute("data-right", part.scrollLeft + part.clientWidth < part.scrollWidth - 1);
    part.toggleAttribute("data-below", part.scrollTop + part.clientHeight < part.scrollHeight - 1);
  };
  const scrolling = ["formula", "equation", "python", "source"].map(at);
  const fade = () => scrolling.forEach(goesOn);
  for (const part of scrolling) part.addEventListener("scroll", () => goesOn(part), {passive: true});
  addEventListener("resize", fade);

  const amount = (number, one, more) => `${grouped(number)} ${number === 1 ? one : more}`;
  const refusal = (order, found) => {
    at("refused").hidden = !order.refused && !found.refused;
    at("refused").replaceChildren();
    if (order.refused) {
      const {says, counterexample} = order.refused;
      at("refused").replaceChildren(made("strong", {}, "Refused. "), says,
        ...(counterexample ? [made("br"), `Counterexample: ${counterexample}`] : []),
        made("br"), made("span", {class: "small"}, "What is shown is the layer before that constraint."));
    } else if (found.refused) {
      at("refused").replaceChildren(made("strong", {}, "Not at these sizes. "), found.refused);
    }
  };
  const history = (order, numbers) => {
    const top = Math.log(Math.max(2, ...numbers) + 1);
    const rows = order.steps.map((step, place) => made("li", {},
      made("code", {}, step.rule),
      made("span", {class: "number"}, grouped(numbers[place])),
      made("span", {class: "why"}, step.why),
      made("span", {class: "number small"}, step.count),
      made("div", {class: "bar", "aria-hidden": "true"},
        made("span", {style: `width: ${(100 * Math.log(numbers[place] + 1)) / top}%`}))));
    if (order.refused) {
      rows.push(made("li", {class: "no"}, made("code", {}, order.refused.rule), made("span", {class: "number"}, "refused")));
    }
    at("steps").replaceChildren(...rows);
  };
  window.explorer.shown = (layer, order, found) => {
    refusal(order, found);
    at("equation").innerHTML = layer.equation;
    at("formula").innerHTML = layer.count;
    coloured("python", order.python);
    coloured("source", layer.source);
    at("sourcesays").replaceChildren(...told(layer.sourcesays));
    linked.length = 0;
    for (const where of ["matrix", "filter", "count", "caption", "filtercaption", "told"]) at(where).replaceChildren();
    history(order, found.counts);
    fade();
    if (found.refused) return;
    at("count").replaceChildren(made("strong", {}, grouped(found.weights)), ` free ${found.weights === 1 ? "weight" : "weights"} and `,
      `${amount(found.biases, "bias", "biases")}, of ${grouped(found.dense)} weights of the dense layer`);
    picture("matrix", {...found.W, name: "W"}, found.W.says);
    picture("filter", {...found.filter, names: found.W.names, colours: found.W.colours, words: true, name: "the filter"}, found.filter.says);
    at("caption").textContent = found.W.says;
    at("filtercaption").textContent = found.filter.says;
  };
  window.explorer.failed = (error) => {
    at("refused").hidden = false;
    at("refused").replaceChildren(made("strong", {}, "Nothing came. "), error.message);
  };
  window.explorer.start();
})();
