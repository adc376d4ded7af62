// The view of what is shared, by everybody: a folder at a time, or what a search finds.

import { ago, joined, names, of, size, t } from "/i18n.js";
import { List, cells, press } from "/list.js";
import { kind_of, last } from "/media.js";
import { ask } from "/peer.js";
import { button, el, form, input, name, say, select } from "/ui.js";
import { details, fetch_it, open_file, save_file } from "/details.js";

export const concerns = /^(peer_shares|peer_went|file_|missed)/;

const TYPES = ["audio", "video", "picture", "document", "archive", "program"];
const DAY = 86_400;
const AGES = { day: DAY, week: 7 * DAY, month: 31 * DAY, year: 366 * DAY };
const SIZES = [1 << 20, 100 << 20, 1 << 30];

// Of two rows the one that comes first. By name they come from the peer already.
const ORDERS = {
  name: null,
  size: (a, b) => b.size - a.size,
  time: (a, b) => b.modified - a.modified,
  copies: (a, b) => a.copies - b.copies,
};

// An order stays while the page is open.
const order = { by: "name", is_reversed: false };

function asked(args) {
  const get = (key) => args.get(key) ?? "";
  return {
    folder: get("in"),
    words: get("q"),
    from: get("from"),
    type: get("type"),
    age: get("age"),
    min: get("min"),
    mine: args.has("mine"),
  };
}

// Its address, with something else of it.
function address(view, changes) {
  const { folder, words, from, type, age, min, mine } = { ...view, ...changes };
  const args = new URLSearchParams();
  for (const [key, value] of Object.entries({ in: folder, q: words, from, type, age, min, mine: mine ? "1" : "" }))
    if (value) args.set(key, value);
  return `#files?${args}`;
}

function request(view) {
  if (!view.words)
    return {
      command: "list",
      folders: true,
      ...(view.folder && { pattern: view.folder }),
      ...(view.from && { from: view.from }),
      ...(view.mine && { mine: true }),
    };
  return {
    command: "search",
    words: view.words.split(/\s+/),
    ...(view.type && { types: [view.type] }),
    ...(view.min && { min: Number(view.min) }),
    ...(view.age && { newer: Math.floor(Date.now() / 1000) - AGES[view.age] }),
    ...(view.from && { from: [view.from] }),
  };
}

function crumbs(view) {
  const parts = view.folder.split("/").filter(Boolean);
  const root = view.from ? t("files_of_one") : view.mine ? t("own_files") : t("all_files");
  const to = (label, folder, is_last) =>
    el("li", {}, el("a", { href: address(view, { folder, words: "" }), ...(is_last && { ariaCurrent: "page" }) }, label));
  return el(
    "nav",
    { className: "crumbs", ariaLabel: t("folder_path") },
    el(
      "ol",
      {},
      to(root, "", parts.length === 0),
      parts.map((part, at) => to(name(part), `${parts.slice(0, at + 1).join("/")}/`, at === parts.length - 1)),
    ),
  );
}

function who(row) {
  if (row.away) return t("kept_by_others", { name: names(row.peers) });
  const total = row.peer_count ?? row.peers.length;
  return row.mine ? names([t("you"), ...row.peers], total + 1) : names(row.peers, total);
}

function draw_folder(row, view) {
  const more = joined([t("n_files", { n: row.files }), size(row.size), row.modified && ago(row.modified * 1000), who(row)]);
  const acts = [press("more", of("details", last(row.path)), () => details(row))];
  if (row.peers.length > 0) acts.unshift(press("save", of("download", last(row.path)), () => fetch_it(row)));
  return cells("folder", row.path.slice(view.folder.length), more, acts);
}

function draw_file(row, view) {
  const shown = view.words ? row.path : row.path.slice(view.folder.length);
  if (row.is_folder) return cells("folder", shown, t("empty_folder"));
  if (!row.id) return cells("file", shown, t("hashing", { percent: row.hashed_percent ?? 0 }));
  const acts = [
    row.mine
      ? press("save", of("save", last(row.path)), () => save_file(row))
      : press("save", of("download", last(row.path)), () => fetch_it(row)),
    press("more", of("details", last(row.path)), () => details(row)),
  ];
  return cells(kind_of(row.path), shown, joined([size(row.size), ago(row.modified * 1000), who(row)]), acts);
}

function search_form(view) {
  const words = input({ type: "search", value: view.words, placeholder: t("search_all"), ariaLabel: t("search_all") });
  const go = (changes) => {
    location.hash = address({ ...view, words: words.value.trim() }, changes);
  };
  const chosen = (key, label, choices) =>
    select([["", label], ...choices], view[key], { ariaLabel: label, onchange: (event) => go({ [key]: event.target.value }) });
  const filters = view.words
    ? el(
        "div",
        { className: "bar" },
        chosen(
          "type",
          t("any_type"),
          TYPES.map((type) => [type, t(`type_${type}`)]),
        ),
        chosen(
          "age",
          t("any_age"),
          Object.keys(AGES).map((age) => [age, t(`age_${age}`)]),
        ),
        chosen(
          "min",
          t("any_size"),
          SIZES.map((bytes) => [String(bytes), t("at_least", { size: size(bytes) })]),
        ),
      )
    : null;
  const node = form(() => go({}), words, el("button", { className: "do" }, t("search")));
  node.setAttribute("role", "search");
  return [node, filters];
}

// Folders first, and then files; in each the order that was chosen.
class Rows {
  constructor(view) {
    this.view = view;
    this.folders = [];
    this.files = [];
  }

  add(row) {
    (row.reply === "folder" ? this.folders : this.files).push(row);
  }

  all() {
    const compare = ORDERS[order.by];
    const part = (rows) => {
      const sorted = compare ? [...rows].sort(compare) : rows;
      return order.is_reversed ? [...sorted].reverse() : sorted;
    };
    return [...part(this.folders), ...part(this.files)];
  }
}

// What chooses the order of the rows.
function order_controls(view, show) {
  const by = select(
    [
      ["name", view.words ? t("by_match") : t("by_name")],
      ["size", t("by_size")],
      ["time", t("by_time")],
      ["copies", t("by_copies")],
    ],
    order.by,
    {
      ariaLabel: t("order"),
      onchange: () => {
        order.by = by.value;
        show();
      },
    },
  );
  const turn = button(
    t("reversed"),
    () => {
      order.is_reversed = !order.is_reversed;
      turn.setAttribute("aria-pressed", order.is_reversed);
      show();
    },
    { ariaPressed: order.is_reversed },
  );
  return [by, turn];
}

export async function open(args) {
  const view = asked(args);
  const count = el("span", { className: "more" });
  const note = el("p", { className: "more", hidden: true });
  const empty = el("p", { className: "empty", hidden: true });
  let rows = new Rows(view);
  const enter = (row) => {
    if (row.reply === "folder") location.hash = address(view, { folder: `${row.path}/`, words: "" });
    else if (row.id) return open_file(row);
  };
  const list = new List({
    label: t("files"),
    key: (row) => `${row.path}\n${row.id ?? ""}`,
    open: (row) => Promise.resolve(enter(row)).catch(() => say(t("unreachable"), true)),
    draw: (row) => (row.reply === "folder" ? draw_folder(row, view) : draw_file(row, view)),
  });

  const show = () => {
    list.set(rows.all());
    count.textContent = t("n_rows", { n: list.length });
  };

  // What comes is shown as it comes, unless something is shown already.
  const load = async (is_first) => {
    const found = is_first ? rows : new Rows(view);
    const notes = new Set();
    let shown = performance.now();
    await ask(request(view), (reply) => {
      if (reply.reply === "file" || reply.reply === "folder") found.add(reply);
      else if (reply.reply === "unlisted")
        notes.add(t("unlisted", { n: reply.peer_count, names: names(reply.peers, reply.peer_count) }));
      else if (reply.reply === "found_more") notes.add(t("found_more", { n: reply.more }));
      if (!is_first) return;
      const due = list.length < 100 ? 0 : 100;
      if (found.files.length + found.folders.length >= 50 && performance.now() - shown > due) {
        show();
        shown = performance.now();
      }
    });
    rows = found;
    show();
    note.textContent = [...notes].join(" ");
    note.hidden = notes.size === 0;
    empty.hidden = list.length > 0;
    empty.textContent = view.words
      ? t("nothing_found", { words: view.words })
      : view.folder
        ? t("empty_folder")
        : t("nobody_shares");
  };

  const where = view.words ? el("h2", {}, t("found_for", { words: view.words })) : crumbs(view);
  const nodes = [
    search_form(view),
    el("div", { className: "bar" }, where, el("span", { className: "gap" }), count, order_controls(view, show)),
    note,
    empty,
    list.node,
  ];
  return { nodes, refresh: () => load(false), begin: () => load(true), focus: () => list.focus() };
}
