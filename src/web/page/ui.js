// The little that all views are made of. Names and text of others get into a page as text alone.

import { t } from "/i18n.js";

const SVG = "http://www.w3.org/2000/svg";

// Paths on a field of 24 by 24.
const ICONS = {
  folder: "M3 6h6l2 2h10v11H3z",
  file: "M6 3h8l4 4v14H6zM14 3v4h4",
  image: "M4 5h16v14H4zM4 16l5-5 4 4 2-2 5 5M15.5 9.5h.01",
  video: "M4 5h16v14H4zM10 9l5 3-5 3z",
  audio: "M9 18V6l10-2v12M9 18a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0M19 16a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0",
  peer: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8M4 21c0-4 4-6 8-6s8 2 8 6",
  save: "M12 4v11M7 11l5 5 5-5M5 20h14",
  send: "M12 20V9M7 13l5-5 5 5M5 4h14",
  more: "M4 12a1 1 0 1 0 2 0a1 1 0 1 0-2 0M11 12a1 1 0 1 0 2 0a1 1 0 1 0-2 0M18 12a1 1 0 1 0 2 0a1 1 0 1 0-2 0",
  first: "M12 20V8M7 12l5-5 5 5M5 4h14",
  pause: "M8 5v14M16 5v14",
  go: "M8 5l11 7-11 7z",
  stop: "M6 6l12 12M18 6L6 18",
  yes: "M5 13l5 5L20 7",
  set: "M4 7h10M18 7h2M4 17h2M10 17h10M14 7a2 2 0 1 0 4 0a2 2 0 1 0-4 0M6 17a2 2 0 1 0 4 0a2 2 0 1 0-4 0",
  chat: "M4 5h16v11H10l-4 4v-4H4z",
};

// A copy of one that is there is cheaper than a new one.
let model = null;

function made_icon() {
  const svg = document.createElementNS(SVG, "svg");
  for (const [key, value] of [
    ["viewBox", "0 0 24 24"],
    ["class", "icon"],
    ["aria-hidden", "true"],
  ])
    svg.setAttribute(key, value);
  svg.append(document.createElementNS(SVG, "path"));
  return svg;
}

export function icon(kind) {
  model ??= made_icon();
  const svg = model.cloneNode(true);
  paint(svg, kind);
  return svg;
}

// Makes another picture of one.
export function paint(svg, kind) {
  if (svg.kind === kind) return;
  svg.kind = kind;
  svg.firstChild.setAttribute("d", ICONS[kind]);
}

export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key.startsWith("aria")) node.setAttribute(`aria-${key.slice(4).toLowerCase()}`, value);
    else if (key !== "list" && key in node) node[key] = value;
    else node.setAttribute(key, value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

// A name in whatever direction it is written.
export const name = (text) => el("bdi", {}, text);

// ---- what is said --------------------------------------------------------------------------

let silence = 0;

// Screen readers read it out; what is bad stays until something else is said.
export function say(text, isBad = false) {
  const state = document.getElementById("state");
  state.textContent = text;
  state.classList.toggle("bad", isBad);
  clearTimeout(silence);
  if (text && !isBad) silence = setTimeout(() => say(""), 10_000);
}

// What servers refuse, in their words.
export class Refused extends Error {
  constructor(message, code) {
    super(message);
    this.code = code;
  }
}

export function failed(error) {
  if (error.name === "AbortError") return;
  if (error instanceof Refused) say(error.message, true);
  else say(t("unreachable"), true);
  if (!(error instanceof Refused || error instanceof TypeError)) console.error(error);
}

// ---- what is pressed -----------------------------------------------------------------------

// Runs what a button does, and says why it could not be done. What is being done is not begun twice.
export const act = (work) => async (event) => {
  event?.preventDefault();
  const pressed = event?.currentTarget ?? null;
  if (pressed?.ariaBusy === "true") return;
  if (pressed) pressed.ariaBusy = "true";
  try {
    await work(event);
  } catch (error) {
    failed(error);
  } finally {
    if (pressed) pressed.ariaBusy = "false";
  }
};

export const button = (label, work, properties = {}) =>
  el("button", { type: "button", className: "do", ...properties, onclick: act(work) }, label);

// One that shows a picture, and says its words to who does not see it.
export const icon_button = (kind, label, work) =>
  button(icon(kind), work, { className: "do square", ariaLabel: label, title: label });

// ---- what is filled in ---------------------------------------------------------------------

export const input = (properties = {}) => el("input", { type: "text", autocomplete: "off", spellcheck: false, ...properties });

// `choices`: [value, words].
export function select(choices, value, properties = {}) {
  const node = el(
    "select",
    properties,
    choices.map(([choice, words]) => el("option", { value: choice }, words)),
  );
  node.value = value;
  return node;
}

export const field = (label, control) => el("label", { className: "field" }, el("span", {}, label), control);

export const form = (work, ...children) => el("form", { onsubmit: act(work) }, children);

// Words and what they say, one below the other. What is null is left out.
export const facts = (pairs) =>
  el(
    "dl",
    { className: "facts" },
    pairs
      .filter(([, value]) => value !== null && value !== undefined && value !== "")
      .map(([label, value]) => el("div", {}, el("dt", {}, label), el("dd", { dir: "auto" }, value))),
  );

// ---- what lies above all else --------------------------------------------------------------

// Opens at once. `acts`: buttons beside the one that closes it.
export function dialog(title, children, acts = []) {
  const node = el(
    "dialog",
    {
      ariaLabel: title,
      onclose: () => node.remove(),
      onclick: (event) => {
        if (event.target === node) node.close();
      },
    },
    el(
      "div",
      { className: "inside" },
      el("h2", { dir: "auto" }, title),
      el("div", { className: "body" }, children),
      el(
        "div",
        { className: "acts" },
        acts,
        button(t("close"), () => node.close()),
      ),
    ),
  );
  document.body.append(node);
  node.showModal();
  return node;
}

// Asks before something that cannot be taken back. True: it is to be done.
export function confirmed(text, label) {
  return new Promise((resolve) => {
    let is_wanted = false;
    const node = dialog(
      text,
      [],
      [
        button(
          label,
          () => {
            is_wanted = true;
            node.close();
          },
          { className: "do lead" },
        ),
      ],
    );
    node.addEventListener("close", () => resolve(is_wanted));
  });
}
