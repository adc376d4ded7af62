// A list of any length: only those rows are there that are seen. For a screen reader it is a grid that says how many
// there are; the keyboard is in one of them, and goes from there (W3C ARIA Authoring Practices, "Grid").

import { act, el, icon, paint } from "/ui.js";

// Rows before and behind those that are seen, so that scrolling shows no gap.
const SPARE = 6;

// What in a row takes the keyboard itself.
const CONTROLS = "button, a[href], input, select";

export class List {
  #rows = [];
  // The nodes that are there, by the keys of their rows.
  #nodes = new Map();
  #height = 0;
  #current = 0;
  #is_due = false;
  // A list that was taken out of the page is not shown again.
  #was_there = false;
  #gone = new AbortController();
  #key;
  #draw;
  #open;
  #missing;

  // `key` of a row stays when it changes, `draw` gives its cells, `open` is what Enter does. `missing` hears of a row
  // that is to be seen and not there yet.
  constructor({ label, key, draw, open = () => {}, missing = () => {} }) {
    this.#key = key;
    this.#draw = draw;
    this.#open = open;
    this.#missing = missing;
    this.node = el("div", {
      className: "rows",
      role: "grid",
      ariaLabel: label,
      ariaRowcount: 0,
      hidden: true,
      onkeydown: (event) => this.#pressed(event),
      onclick: (event) => this.#clicked(event),
      onfocusin: (event) => this.#focused(event),
    });
    const due = () => this.#due();
    addEventListener("scroll", due, { passive: true, signal: this.#gone.signal });
    const sizes = new ResizeObserver(() => {
      this.#height = 0;
      due();
    });
    sizes.observe(this.node);
    this.#gone.signal.addEventListener("abort", () => sizes.disconnect());
  }

  get length() {
    return this.#rows.length;
  }

  // Shows these instead. Who was in a row stays in it.
  set(rows) {
    const key = this.#rows[this.#current] === undefined ? null : this.#key(this.#rows[this.#current]);
    this.#rows = rows;
    const at = key === null ? -1 : rows.findIndex((row) => row !== undefined && this.#key(row) === key);
    this.#current = at >= 0 ? at : Math.max(0, Math.min(this.#current, rows.length - 1));
    this.#render();
  }

  // More of the same rows were put in.
  grown() {
    this.#due();
  }

  focus() {
    if (this.#rows.length > 0) this.#go(this.#current);
  }

  #due() {
    if (this.#is_due) return;
    this.#is_due = true;
    requestAnimationFrame(() => {
      this.#is_due = false;
      if (this.node.isConnected) this.#render();
      else if (this.#was_there) this.#gone.abort();
    });
  }

  #render() {
    const { node } = this;
    this.#was_there ||= node.isConnected;
    node.hidden = this.#rows.length === 0;
    if (node.count !== this.#rows.length) {
      node.count = this.#rows.length;
      node.setAttribute("aria-rowcount", node.count);
    }
    if (this.#rows.length > 0 && this.#height === 0) this.#measure();
    const height = `${this.#rows.length * this.#height}px`;
    if (node.style.height !== height) node.style.height = height;
    const top = -node.getBoundingClientRect().top;
    const from = Math.max(0, Math.floor(top / this.#height || 0) - SPARE);
    const until = Math.min(this.#rows.length, Math.ceil((top + innerHeight) / this.#height || 0) + SPARE);
    const wanted = [];
    for (let at = from; at < until; at += 1) wanted.push(at);
    // Where the keyboard is there is a row, seen or not.
    if (this.#current < from && this.#rows.length > 0) wanted.unshift(this.#current);
    else if (this.#current >= until && this.#current < this.#rows.length) wanted.push(this.#current);
    this.#place(wanted);
  }

  #measure() {
    const probe = el("div", { className: "row" });
    this.node.append(probe);
    this.#height = probe.offsetHeight;
    probe.remove();
  }

  // Puts these rows in. Nodes of rows that are seen no more are filled with others, which is cheaper than new ones; those
  // of rows that stay are not touched, for the keyboard may be in them.
  #place(wanted) {
    const focus = this.#focus_in();
    const keys = wanted.map((at) => (this.#rows[at] === undefined ? `missing ${at}` : this.#key(this.#rows[at])));
    const kept = new Set(keys.map((key) => this.#nodes.get(key)));
    const spare = [...this.node.children].filter((child) => !kept.has(child));
    const nodes = new Map();
    wanted.forEach((at, n) => nodes.set(keys[n], this.#filled(this.#nodes.get(keys[n]) ?? spare.shift() ?? made(), at)));
    for (const child of spare) child.remove();
    let next = this.node.firstChild;
    for (const child of nodes.values()) {
      if (child === next) next = next.nextSibling;
      else this.node.insertBefore(child, next);
    }
    this.#nodes = nodes;
    focus();
    const missing = wanted.find((at) => this.#rows[at] === undefined);
    if (missing !== undefined) this.#missing(missing);
  }

  // The node with what there is to say of a row.
  #filled(node, at) {
    const row = this.#rows[at];
    const told = row === undefined ? "" : JSON.stringify(row);
    if (node.told !== told) {
      node.told = told;
      fill(node, row === undefined ? cells("file", "…", "") : this.#draw(row));
      node.index = null;
    }
    if (node.at !== at) {
      node.at = at;
      node.setAttribute("aria-rowindex", at + 1);
    }
    const place = `${at * this.#height}px`;
    if (node.style.top !== place) node.style.top = place;
    this.#tab(node);
    return node;
  }

  // Tab reaches one row and what is in it.
  #tab(node) {
    const index = node.at === this.#current ? 0 : -1;
    if (node.index === index) return;
    node.index = index;
    node.tabIndex = index;
    for (const control of node.querySelectorAll(CONTROLS)) control.tabIndex = index;
  }

  // Where the keyboard is, to be put back there.
  #focus_in() {
    const focused = document.activeElement;
    const node = focused?.closest(".row");
    if (!node || !this.node.contains(node)) return () => {};
    const at = [...node.querySelectorAll(CONTROLS)].indexOf(focused);
    return () => {
      if (document.activeElement === focused) return;
      const now = [...this.#nodes.values()].find((other) => other.at === this.#current);
      (now?.querySelectorAll(CONTROLS)[at] ?? now)?.focus({ preventScroll: true });
    };
  }

  #go(to) {
    const at = Math.max(0, Math.min(to, this.#rows.length - 1));
    this.#current = at;
    if (this.#height === 0) this.#render();
    const start = this.node.getBoundingClientRect().top + scrollY + at * this.#height;
    const above = parseFloat(getComputedStyle(document.documentElement).scrollPaddingTop) || 0;
    if (start - above < scrollY) scrollTo({ top: start - above });
    else if (start + this.#height > scrollY + innerHeight) scrollTo({ top: start + this.#height - innerHeight });
    this.#render();
    [...this.#nodes.values()].find((node) => node.at === at)?.focus({ preventScroll: true });
  }

  #focused(event) {
    const node = event.target.closest(".row");
    if (!node || node.at === this.#current) return;
    this.#current = node.at;
    for (const other of this.#nodes.values()) this.#tab(other);
  }

  #clicked(event) {
    const node = event.target.closest(".row");
    if (!node || event.target.closest(CONTROLS) || this.#rows[node.at] === undefined) return;
    this.#open(this.#rows[node.at]);
  }

  #pressed(event) {
    const node = event.target.closest(".row");
    if (!node || event.target.matches("input, select") || event.ctrlKey || event.altKey || event.metaKey) return;
    const page = Math.max(1, Math.floor(innerHeight / this.#height) - 2);
    const is_right_to_left = document.documentElement.dir === "rtl";
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page };
    if (event.key in steps) this.#go(this.#current + steps[event.key]);
    else if (event.key === "Home") this.#go(0);
    else if (event.key === "End") this.#go(this.#rows.length - 1);
    else if (event.key === "ArrowRight" || event.key === "ArrowLeft")
      this.#aside(node, (event.key === "ArrowRight") !== is_right_to_left);
    else if ((event.key === "Enter" || event.key === " ") && event.target === node) {
      if (this.#rows[node.at] !== undefined) this.#open(this.#rows[node.at]);
    } else return;
    event.preventDefault();
  }

  // From a row into what is in it, and back.
  #aside(node, is_onward) {
    const all = [node, ...node.querySelectorAll(CONTROLS)];
    const to = all[all.indexOf(document.activeElement) + (is_onward ? 1 : -1)];
    to?.focus({ preventScroll: true });
  }
}

// What a row says: a picture, two lines (text, or a node), and buttons.
export const cells = (picture, main, more, acts = []) => ({ picture, main, more, acts: acts.filter(Boolean) });

// A button of a row: a picture with words for who does not see it, or words.
export const press = (picture, label, work) => ({ picture, label, work });
export const press_words = (words, label, work, is_lead = false) => ({ words, label, work, is_lead });

// An empty row.
function made() {
  const [picture, main, more] = [icon("file"), el("div", { className: "main" }), el("div", { className: "more" })];
  const acts = el("div", { role: "gridcell", className: "acts" });
  const node = el(
    "div",
    { className: "row", role: "row" },
    el("div", { role: "gridcell", className: "words" }, picture, el("div", { className: "two" }, main, more)),
    acts,
  );
  return Object.assign(node, { picture, main, more, acts });
}

function say_in(node, what) {
  if (what instanceof Node) node.replaceChildren(what);
  else if (node.firstElementChild || node.textContent !== what) node.textContent = what;
}

function fill(node, { picture, main, more, acts }) {
  paint(node.picture, picture);
  // A name in whatever direction it is written, at the side where all begin.
  if (node.main.firstElementChild?.localName !== "bdi") node.main.replaceChildren(el("bdi"));
  say_in(node.main.firstElementChild, main);
  say_in(node.more, more);
  while (node.acts.children.length > acts.length) node.acts.lastChild.remove();
  acts.forEach((one, at) => fill_button(node.acts.children[at] ?? node.acts.appendChild(made_button()), one));
}

function made_button() {
  const node = el("button", { type: "button", onclick: act(() => node.work()) });
  return node;
}

function fill_button(node, { picture, words, label, work, is_lead }) {
  node.work = work;
  const look = picture ? "do square" : is_lead ? "do lead" : "do";
  if (node.className !== look) node.className = look;
  if (node.title !== label) {
    node.title = label;
    node.setAttribute("aria-label", label);
  }
  if (!picture) node.textContent = words;
  else if (node.firstElementChild) paint(node.firstElementChild, picture);
  else node.replaceChildren(icon(picture));
}

// A list with words above it, and others where it is empty.
export class Section {
  constructor(title, empty, options) {
    this.list = new List({ label: title, ...options });
    this.title = el("h2", {}, title);
    this.empty = el("p", { className: "empty" }, empty);
    this.nodes = [this.title, this.empty, this.list.node];
  }

  // Words for an empty list may be none: then nothing of it is shown.
  set(rows) {
    this.empty.hidden = rows.length > 0 || !this.empty.textContent;
    this.title.hidden = rows.length === 0 && !this.empty.textContent;
    this.list.set(rows);
  }
}
