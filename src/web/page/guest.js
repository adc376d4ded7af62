// The page of a guest: what somebody shows to a phone, and takes from it. All is relative to its own address.

import { ago, joined, language_choice, moment, of, percent, size, t } from "/i18n.js";
import { List, cells, press } from "/list.js";
import { kind_of, save, show } from "/media.js";
import { Refused, act, button, dialog, el, facts, failed, icon, input, name, say } from "/ui.js";
import { Uploads, chooser, dropped } from "/upload.js";
import { fetched } from "/slices.js";
import { texts_part } from "/texts.js";

const main = document.getElementById("view");

// Files of up to so many bytes are put together here, where the browser does not resume a cut download by itself.
const WHOLE = 512 << 20;

const headers = (media) => ({ "content-type": media });

async function answered(path, options = {}) {
  const answer = await fetch(path, { cache: "no-store", ...options });
  if (answer.ok) return answer.json();
  let told = {};
  try {
    told = await answer.json();
  } catch {
    /* Nothing is told. */
  }
  throw Object.assign(new Refused(told.message ?? t("gone"), answer.status), { wait: told.wait ?? 0 });
}

const get = (path, query = {}) => answered(`${path}?${new URLSearchParams(query)}`);
const post = (path, body) => answered(path, { method: "POST", headers: headers("application/json"), body: JSON.stringify(body) });

// A name as a part of an address: no slash, and no dots alone.
const part = (text) => encodeURIComponent(text.replace(/[/\\]/g, "_"));

// ---- the PIN -------------------------------------------------------------------------------

function pin_form() {
  const pin = input({ inputMode: "numeric", ariaLabel: t("pin"), required: true, autocomplete: "one-time-code" });
  const enter = el("button", { className: "do lead" }, t("open"));
  const wait = (seconds) => {
    enter.disabled = seconds > 0;
    if (seconds > 0) {
      say(t("pin_wait", { n: seconds }), true);
      setTimeout(() => wait(seconds - 1), 1000);
    } else say("");
  };
  const node = el(
    "form",
    {
      className: "pin",
      onsubmit: act(async () => {
        try {
          const { path } = await post("api/pin", { pin: pin.value.trim() });
          location.replace(path);
        } catch (error) {
          pin.value = "";
          pin.focus();
          if (error.wait > 0) wait(Math.ceil(error.wait));
          else throw error;
        }
      }),
    },
    pin,
    enter,
  );
  main.replaceChildren(el("h2", {}, t("pin_asked")), node);
  pin.focus();
}

// ---- files ---------------------------------------------------------------------------------

// Saves a file. With a certificate that the browser does not know it does not resume: then it is fetched in slices.
async function save_file(about, row) {
  const address = `file/${row.id}/${part(row.name)}`;
  if (!about.is_private || row.size > WHOLE) return save(address, row.name);
  const stop = new AbortController();
  const bar = el("progress", { max: Math.max(row.size, 1), value: 0, ariaLabel: of("progress", row.name) });
  const state = el("p", { className: "more" }, size(row.size));
  const node = dialog(row.name, [bar, state]);
  node.addEventListener("close", () => stop.abort());
  const blob = await fetched(address, row.size, stop.signal, (done, is_away) => {
    bar.value = done;
    state.textContent = is_away ? t("network_away") : joined([percent(done, row.size), size(row.size)]);
  });
  const held = URL.createObjectURL(blob);
  save(held, row.name);
  node.close();
  setTimeout(() => URL.revokeObjectURL(held), 60_000);
}

async function open_file(about, row) {
  if (!row.shown_as) return save_file(about, row);
  await show(row.name, `file/${row.id}/${part(row.name)}?show`, row.shown_as, [
    button([icon("save"), t("save")], () => save_file(about, row), { className: "do lead" }),
  ]);
}

const place = () => new URLSearchParams(location.hash.slice(1));
const go = (args) => {
  location.hash = new URLSearchParams(args);
};

function crumbs(about, path) {
  const parts = path.split("/").filter(Boolean);
  const all = [[about.title || about.name, ""], ...parts.map((one, at) => [one, parts.slice(0, at + 1).join("/")])];
  return el(
    "nav",
    { className: "crumbs", ariaLabel: t("folder_path") },
    el(
      "ol",
      {},
      all.map(([label, to], at) =>
        el(
          "li",
          {},
          el(
            "a",
            { href: `#${new URLSearchParams({ in: to })}`, ...(at === all.length - 1 && { ariaCurrent: "page" }) },
            name(label),
          ),
        ),
      ),
    ),
  );
}

function draw(about, row, is_found) {
  const is_folder = row.kind === "folder";
  const more = joined([
    is_found && row.path !== row.name ? `\u2068${row.path}\u2069` : null,
    is_folder ? t("n_files", { n: row.files }) : null,
    size(row.size),
    row.modified ? ago(row.modified * 1000) : null,
  ]);
  const acts = is_folder ? [] : [press("save", of("save", row.name), () => save_file(about, row))];
  return cells(is_folder ? "folder" : kind_of(row.name), row.name, more, acts);
}

// A folder, or what a search finds. Rows come by some hundreds, those that are seen.
async function files(about, into) {
  const args = place();
  const [path, words] = [args.get("in") ?? "", args.get("q") ?? ""];
  const asked = words ? { search: words } : { path };
  const first = await get("api/list", { ...asked, from: 0 });
  const rows = new Array(first.total);
  const put = (from, some) =>
    some.forEach((row, at) => {
      rows[from + at] = row;
    });
  put(0, first.rows);
  const coming = new Set();
  const missing = async (at) => {
    const from = at - (at % Math.max(first.rows.length, 1));
    if (coming.has(from)) return;
    coming.add(from);
    try {
      put(from, (await get("api/list", { ...asked, from })).rows);
    } finally {
      coming.delete(from);
    }
    list.grown();
  };
  const list = new List({
    label: t("files"),
    key: (row) => `${row.path}\n${row.id}`,
    draw: (row) => draw(about, row, words !== ""),
    missing: (at) => missing(at).catch(failed),
    open: (row) => (row.kind === "folder" ? go({ in: row.path }) : open_file(about, row).catch(failed)),
  });
  const search = input({ type: "search", value: words, placeholder: t("search"), ariaLabel: t("search") });
  const form = el(
    "form",
    {
      role: "search",
      onsubmit: (event) => {
        event.preventDefault();
        go(search.value.trim() ? { q: search.value.trim() } : {});
      },
    },
    search,
    el("button", { className: "do" }, t("search")),
  );
  const called = path.split("/").pop() || about.title || about.name;
  const zip =
    words || first.total === 0
      ? null
      : button([icon("save"), t("all_as_zip")], () =>
          save(`zip/${part(called)}.zip?${new URLSearchParams({ path })}`, `${called}.zip`),
        );
  into.replaceChildren(
    form,
    el(
      "div",
      { className: "bar" },
      words ? el("h2", {}, t("found_for", { words })) : crumbs(about, path),
      el("span", { className: "gap" }),
      zip,
    ),
    ...(first.total === 0 ? [el("p", { className: "empty" }, words ? t("nothing_found", { words }) : t("empty_folder"))] : []),
    list.node,
  );
  list.set(rows);
}

// ---- all of it -----------------------------------------------------------------------------

// How far others could read along. Whoever minds finds the other way here, and nobody else is held up.
function privacy(about) {
  if (about.is_private) return null;
  const why = () =>
    dialog(t("not_encrypted"), [
      el("p", {}, t("not_encrypted_what")),
      el("p", {}, el("a", { className: "do lead", href: about.private_link }, t("open_private"))),
      el("p", {}, t("private_warning")),
      facts([[t("fingerprint"), el("code", { dir: "ltr" }, about.fingerprint ?? "")]]),
    ]);
  const is_known = about.private_link?.startsWith("https:");
  return el(
    "p",
    { className: "more" },
    is_known ? el("button", { type: "button", className: "tag", onclick: why }, t("not_encrypted")) : t("not_encrypted"),
  );
}

async function begin() {
  document.querySelector("footer").append(language_choice());
  const about = await get("api/about");
  document.getElementById("name").textContent = about.title || about.name;
  document.title = about.title || about.name;
  if (about.pin) return pin_form();
  const shown = el("div", {});
  const parts = [shown];
  if (about.uploads) {
    const sent = new Uploads();
    const add = (added) => sent.add(added, { address: "api/upload", headers, fields: {} });
    parts.unshift(
      el("div", { className: "bar" }, chooser([icon("send"), t("send_to", { name: about.name })], add, { className: "do" })),
      sent.node,
    );
    dropped(document.body, add);
  }
  parts.push(
    texts_part(about, get, post),
    privacy(about),
    about.until ? el("p", { className: "more" }, t("until", { time: moment(about.until * 1000) })) : null,
  );
  main.replaceChildren(...parts.filter(Boolean));
  const open = async () => {
    document.querySelector("dialog[open]")?.close();
    await files(about, shown);
    scrollTo({ top: 0 });
  };
  addEventListener("hashchange", () => {
    say("");
    open().catch(failed);
  });
  await open();
}

begin().catch((error) => {
  failed(error);
  if (error instanceof Refused) main.replaceChildren(el("p", { className: "empty" }, error.message));
});
