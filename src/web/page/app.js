import { Refused, all, ask, link, signIn } from "/peer.js";

const view = document.getElementById("view");
const state = document.getElementById("state");
const PAGE = 200;

// Names and text of others get into the page as text alone.
function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key in node) node[key] = value;
    else node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const name = (text) => el("bdi", {}, text);

function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  let unit = -1;
  while (bytes >= 999.5 && unit < 4) { bytes /= 1024; unit += 1; }
  return `${bytes < 9.95 ? bytes.toFixed(1) : Math.round(bytes)} ${["KiB", "MiB", "GiB", "TiB", "PiB"][unit]}`;
}

const count = (n, one, many) => `${n.toLocaleString()} ${n === 1 ? one : many}`;

function say(text, isBad = false) {
  state.textContent = text;
  state.classList.toggle("bad", isBad);
}

function failed(error) {
  if (error.name === "AbortError") return;
  if (error instanceof Refused) say(error.message, true);
  else say("The peer cannot be reached. Is it still running?", true);
}

// Runs what a button does, and says why it could not be done.
const act = (work) => (event) => { event?.preventDefault(); Promise.resolve(work(event)).catch(failed); };

const button = (label, work, properties = {}) =>
  el("button", { type: "button", className: "do", ...properties, onclick: act(work) }, label);

// ---- files ---------------------------------------------------------------------------------

let folder = "";
let words = "";

function crumbs() {
  const parts = folder.split("/").filter(Boolean);
  const go = (to) => button(to.label, () => open_folder(to.path), { className: "" });
  const all = [{ label: "All files", path: "" }];
  parts.forEach((part, at) => all.push({ label: part, path: `${parts.slice(0, at + 1).join("/")}/` }));
  const nodes = all.flatMap((to, at) => (at === 0 ? [go(to)] : ["/", go(to)]));
  return el("div", { className: "crumbs" }, ...nodes);
}

async function open_folder(path) {
  folder = path;
  words = "";
  await show("files");
}

function who(row) {
  const others = row.peers.slice(0, 3).join(", ");
  const more = row.peer_count ?? row.peers.length;
  const from = more > 3 ? `${others} and ${more - 3} more` : others;
  if (row.mine) return from ? `you, ${from}` : "you";
  return row.away ? `kept by others (${from} is away)` : from;
}

const last = (path) => path.split("/").pop();

function row_of(row) {
  if (row.reply === "folder") {
    const shown = row.path.slice(folder.length);
    const open = el("button", { type: "button", onclick: act(() => open_folder(`${row.path}/`)) }, name(`${shown}/`));
    const more = `${count(row.files, "file", "files")} · ${size(row.size)} · ${who(row)}`;
    const acts = row.mine && row.peers.length === 0 ? null : button("Download", () => download(`${row.path}/`));
    return line(open, more, acts);
  }
  const shown = words ? row.path : row.path.slice(folder.length);
  const word = `b3:${row.id}`;
  if (row.is_folder || !row.id) return line(name(shown), row.is_folder ? "empty folder" : `hashing ${row.hashed_percent ?? 0}%`);
  const open = el("button", { type: "button", onclick: act(() => preview(word, last(row.path))) }, name(shown));
  const save = button("Save", () => save_file(word, last(row.path)), { title: "Save with this browser" });
  // By its path, which is what the queue calls it; by its id where the path could mean something else.
  const called = row.ambiguous || /^b3:|[*?[\\]/.test(row.path) ? word : row.path;
  const acts = row.mine ? [save] : [button("Download", () => download(row.path, called)), save];
  return line(open, `${size(row.size)} · ${who(row)}`, ...acts);
}

function line(main, more, ...acts) {
  return el("li", {},
    el("div", { className: "main" }, main, el("div", { className: "more" }, more)),
    el("div", { className: "acts" }, ...acts));
}

async function files() {
  const search = el("input", { type: "search", value: words, placeholder: "Search all files", ariaLabel: "Search all files" });
  const form = el("form", { role: "search", onsubmit: act(() => { words = search.value.trim(); return show("files"); }) },
    search, el("button", { className: "do" }, "Search"));
  const rows = [];
  const keep = (reply) => { if (["file", "folder"].includes(reply.reply)) rows.push(reply); };
  if (words) await ask({ command: "search", words: words.split(/\s+/) }, keep);
  else await ask({ command: "list", folders: true, ...(folder && { pattern: folder }) }, keep);
  const list = el("ul", { className: "rows" });
  let shown = 0;
  const more = button("Show more", () => fill());
  const fill = () => {
    list.append(...rows.slice(shown, shown + PAGE).map(row_of));
    shown = Math.min(rows.length, shown + PAGE);
    more.hidden = shown >= rows.length;
  };
  fill();
  const none = words ? `Nothing is called “${words}”.` : "Nobody shares anything yet. What lies in your shared folder is seen here by all.";
  return [form, words ? el("h2", {}, `Found: ${rows.length.toLocaleString()}`) : crumbs(),
    rows.length ? list : el("p", { className: "empty" }, none), more];
}

async function download(path, word = path) {
  const [begun] = await all({ command: "download", files: [word] }, "begun");
  say(begun ? `Downloading ${path} (${size(begun.size)}).` : `${path} is here already.`);
}

async function save_file(word, called) {
  const { path } = await link(word, called);
  el("a", { href: path, download: called }).click();
}

async function preview(word, called) {
  const { path, shown_as } = await link(word, called);
  if (!shown_as) return save_file(word, called);
  const source = `${path}?show`;
  const kind = shown_as.split("/")[0];
  const shown = kind === "image" ? el("img", { src: source, alt: called })
    : kind === "text" ? el("pre", { dir: "auto" }, await (await fetch(source, { headers: { range: "bytes=0-262143" } })).text())
    : el(kind, { src: source, controls: true, autoplay: true });
  const dialog = el("dialog", { ariaLabel: called, onclose: () => dialog.remove() },
    el("div", { className: "acts" }, button("Save", () => save_file(word, called)), button("Close", () => dialog.close())),
    el("h2", {}, name(called)), shown);
  document.body.append(dialog);
  dialog.showModal();
}

// ---- downloads -----------------------------------------------------------------------------

const STATES = { downloading: "downloading", queued: "queued", waiting: "waits for somebody who has it", paused: "paused",
  failed: "failed", stopping: "stopping", removed: "removed" };

async function downloads() {
  const rows = await all({ command: "queue" }, "queued");
  const ended = (await all({ command: "log" }, "transfer")).slice(0, 20);
  const row = (r) => {
    const now = r.state === "downloading" && r.speed ? ` · ${size(r.speed)}/s` : "";
    const more = el("span", {}, `${size(r.done)} of ${size(r.size)} · ${r.why ?? STATES[r.state] ?? r.state}${now}`,
      el("progress", { value: r.done, max: Math.max(r.size, 1), ariaLabel: `${r.what}: how far it is` }));
    const one = (label, command, rest = {}) =>
      button(label, async () => { await ask({ command, which: String(r.job), ...rest }); await show("downloads"); });
    const goes = ["downloading", "queued", "waiting"].includes(r.state);
    return line(name(r.what), more, goes ? one("Pause", "pause") : one("Resume", "resume"), one("Cancel", "cancel"));
  };
  const done = (r) => line(name(r.path ?? "a file"),
    `${r.way === "in" ? "from" : "to"} ${r.peers.join(", ") || "nobody"} · ${size(r.bytes)} · ${r.outcome === "done" ? "done" : r.why ?? "in part"}`);
  return [el("h2", {}, "Queue"),
    rows.length ? el("ul", { className: "rows" }, ...rows.map(row)) : el("p", { className: "empty" }, "Nothing is being downloaded."),
    el("h2", {}, "Lately"),
    ended.length ? el("ul", { className: "rows" }, ...ended.map(done)) : el("p", { className: "empty" }, "Nothing yet.")];
}

// ---- peers ---------------------------------------------------------------------------------

async function peers() {
  const rows = await all({ command: "peers" }, "peer");
  const row = (r) => line(el("span", {}, name(r.name), r.look_alike ? ` (${r.peer.slice(0, 8)})` : ""),
    r.files === null ? "its files are not known yet" : `${count(r.files, "file", "files")} · ${size(r.size)} · ${r.address}`);
  return [el("h2", {}, count(rows.length, "peer is here", "peers are here")),
    rows.length ? el("ul", { className: "rows" }, ...rows.map(row)) : el("p", { className: "empty" }, "Nobody else is on this network yet.")];
}

// ---- chat ----------------------------------------------------------------------------------

async function chat() {
  const rows = await all({ command: "chat" }, "line");
  const row = (r) => el("p", {}, el("b", {}, name(r.mine ? "you" : r.name)),
    r.audience === "everyone" ? "" : " (to one alone)", ": ", el("span", { dir: "auto" }, r.text));
  const log = el("div", { className: "log", role: "log", tabIndex: 0, ariaLabel: "What was said" }, ...rows.map(row));
  const text = el("input", { type: "text", placeholder: "Say something to everyone, or @name …", ariaLabel: "What you say", maxLength: 700, autocomplete: "off" });
  const form = el("form", { onsubmit: act(async () => {
    if (!text.value.trim()) return;
    await ask({ command: "chat", text: [text.value] });
    text.value = "";
    await show("chat");
    view.querySelector("form input").focus();
  }) }, text, el("button", { className: "do" }, "Say"));
  requestAnimationFrame(() => { log.scrollTop = log.scrollHeight; });
  return [rows.length ? log : el("p", { className: "empty" }, "Nothing was said yet."), form];
}

// ---- all of it -----------------------------------------------------------------------------

const VIEWS = { files, downloads, peers, chat };
let current = "files";
let turn = 0;

// Where the keyboard is, among buttons of the same words: what is shown anew does not take it away.
function focus_kept() {
  const focused = document.activeElement;
  if (!view.contains(focused) || focused === view) return () => {};
  const same = () => [...view.querySelectorAll(focused.tagName)].filter((node) => node.textContent === focused.textContent);
  const at = same().indexOf(focused);
  return () => (same()[at] ?? view).focus({ preventScroll: true });
}

async function show(which) {
  const mine = (turn += 1);
  current = which;
  for (const tab of document.querySelectorAll("nav button")) {
    if (tab.dataset.view === which) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  }
  const nodes = await VIEWS[which]();
  if (mine !== turn) return;
  const focus = focus_kept();
  view.replaceChildren(...nodes);
  focus();
}

async function status() {
  const [now] = await all({ command: "status" }, "status");
  document.getElementById("name").textContent = now.name;
  document.title = `${now.name} – potluck`;
}

// What concerns the view that is shown is shown anew, twice a second at most, and not under the hands of who types.
const CONCERNS = { files: /^(peer_shares|peer_went|file_|missed)/, downloads: /^download_/, peers: /^peer_/, chat: /^$/ };
let is_due = false;

function heard(event) {
  if (event.reply !== "event" || is_due || !CONCERNS[current].test(event.event)) return;
  is_due = true;
  setTimeout(() => {
    is_due = false;
    const typed = document.activeElement;
    if (typed instanceof HTMLInputElement && view.contains(typed) && typed.value !== typed.defaultValue) return;
    show(current).catch(failed);
  }, 500);
}

let watching = null;

async function watch() {
  for (;;) {
    if (document.hidden) {
      await new Promise((seen) => document.addEventListener("visibilitychange", seen, { once: true }));
      continue;
    }
    watching = new AbortController();
    try {
      await ask({ command: "watch" }, heard, watching.signal);
    } catch (error) {
      if (error.code === "signed_out") return failed(error);
      if (!document.hidden) {
        failed(error);
        await new Promise((later) => setTimeout(later, 2000));
      }
    }
  }
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) watching?.abort();
  else show(current).catch(failed);
});

for (const tab of document.querySelectorAll("nav button")) {
  tab.addEventListener("click", act(() => { say(""); return show(tab.dataset.view); }));
}

try {
  if (await signIn()) {
    await status();
    await show("files");
    watch();
    // Lines of chat are no events: they are looked for while the chat is shown.
    setInterval(() => { if (current === "chat" && !document.hidden && !view.querySelector("form input")?.value) show("chat").catch(failed); }, 2000);
  } else {
    view.replaceChildren(el("p", { className: "empty" }, "Run `potluck web` in a terminal to open this page."));
  }
} catch (error) {
  failed(error);
}
