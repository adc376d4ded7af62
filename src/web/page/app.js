// The owner's page: which view is shown, and when it is shown anew.

import { language_choice, t, translate } from "/i18n.js";
import { ask, headers, sign_in, status, takes_uploads } from "/peer.js";
import { Refused, el, failed, say } from "/ui.js";
import { Uploads, chooser, dropped } from "/upload.js";
import * as chat from "/chat.js";
import * as copies from "/copies.js";
import * as downloads from "/downloads.js";
import * as files from "/files.js";
import * as guests from "/guests.js";
import * as offers from "/offers.js";
import * as own from "/own.js";
import * as peers from "/peers.js";
import * as settings from "/settings.js";
import * as shares from "/shares.js";

// In the order of the menu.
const VIEWS = { files, downloads, offers, copies, shares, peers, chat, guests, settings, own };

const main = document.getElementById("view");

// Milliseconds between two looks, at least; and how many times as long as a look took.
const REST = 500;
const SHARE = 4;

let name = "";
let shown = { open: null, concerns: /^$/ };
let turn = 0;

// ---- where one is --------------------------------------------------------------------------

// The address says it behind `#`: `files?in=films/`. What else stands there is a code.
function place() {
  const [view, args = ""] = location.hash.slice(1).split("?");
  return Object.hasOwn(VIEWS, view) ? { view, args: new URLSearchParams(args) } : { view: "files", args: new URLSearchParams() };
}

function code() {
  const text = location.hash.slice(1);
  if (!text || Object.hasOwn(VIEWS, text.split("?")[0])) return "";
  // Once it is read it stands nowhere.
  history.replaceState(null, "", location.pathname);
  return text;
}

function menu() {
  const nav = document.querySelector("header nav");
  nav.replaceChildren(...Object.keys(VIEWS).map((view) => el("a", { href: `#${view}`, id: `to-${view}` }, t(`view_${view}`))));
}

function mark(view) {
  for (const link of document.querySelectorAll("header nav a")) {
    if (link.id === `to-${view}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.getElementById(`to-${view}`).scrollIntoView({ block: "nearest", inline: "nearest" });
  document.title = `${t(`view_${view}`)} – ${name}`;
}

async function go() {
  const mine = (turn += 1);
  const { view, args } = place();
  mark(view);
  document.querySelector("dialog[open]")?.close();
  const module = VIEWS[view];
  const is_inside = main.contains(document.activeElement);
  const opened = await module.open(args);
  if (mine !== turn) return;
  shown = { ...opened, concerns: module.concerns, every: module.every ?? 0, seen: performance.now() };
  main.replaceChildren(...opened.nodes.flat().filter(Boolean));
  scrollTo({ top: 0 });
  // Who opened a folder is in what lies in it.
  if (is_inside) main.focus({ preventScroll: true });
  await opened.begin();
  if (mine !== turn) return;
  if (document.activeElement === main) opened.focus?.();
  shown.seen = performance.now();
}

// ---- what happens --------------------------------------------------------------------------

let is_due = false;
let is_again = false;

// Shows the view anew, when it had time to rest. What happens while it is asked may not be in the answer: then once more.
function refresh() {
  is_again = is_due;
  if (is_due || document.hidden) return;
  is_due = true;
  const wait = Math.max(0, (shown.seen ?? 0) + Math.max(REST, SHARE * (shown.took ?? 0)) - performance.now());
  setTimeout(async () => {
    const looked = shown;
    const begun = performance.now();
    is_again = false;
    try {
      await looked.refresh?.();
    } catch (error) {
      failed(error);
    }
    looked.seen = performance.now();
    looked.took = looked.seen - begun;
    is_due = false;
    if (is_again) refresh();
  }, wait);
}

function heard(event) {
  if (event.reply !== "event") return;
  if (event.event === "warning") say(event.text, true);
  else if (event.event === "download_ended" && event.outcome === "done") say(t("arrived", { name: event.path }));
  else if (event.event === "guest_text") say(t("guest_says", { name: event.name, text: event.text }));
  else if (event.event === "guest_file") say(t("guest_brought", { name: event.path }));
  if (shown.concerns.test(event.event)) refresh();
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
  else refresh();
});

// ---- files of this browser -----------------------------------------------------------------

function uploads() {
  if (!takes_uploads()) return;
  const sent = new Uploads();
  const share = (added) => sent.add(added, { address: "/api/upload", headers, fields: { to: "shared" } });
  dropped(document.body, share);
  document.querySelector("footer").prepend(...chooser(t("share_files"), share));
  main.before(sent.node);
}

async function begin() {
  translate();
  menu();
  document.querySelector(".skip").addEventListener("click", () => main.focus());
  document.querySelector("footer").append(language_choice());
  if (!(await sign_in(code()))) {
    main.replaceChildren(el("p", { className: "empty" }, t("open_by_web")));
    return;
  }
  ({ name } = await status());
  document.getElementById("name").textContent = name;
  addEventListener("hashchange", () => {
    say("");
    go().catch(failed);
  });
  await go();
  watch();
  setInterval(() => {
    if (shown.every && performance.now() - shown.seen >= shown.every) refresh();
  }, 1000);
  uploads();
}

begin().catch((error) => {
  failed(error);
  if (error instanceof Refused && error.code === "signed_out")
    main.replaceChildren(el("p", { className: "empty" }, t("open_by_web")));
});
