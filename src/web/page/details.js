// What can be done with one file or folder, and what is known of it.

import { ago, joined, moment, names, of, rate, size, t, word } from "/i18n.js";
import { last, save, show } from "/media.js";
import { all, ask, link, status, word_of } from "/peer.js";
import { button, dialog, el, facts, failed, field, form, input, name, say, select } from "/ui.js";

const word_for = (row) => (row.reply === "folder" ? `${row.path}/` : word_of(row));

// What a `download` begins, and says.
export async function fetch_it(row, more = {}) {
  const [begun] = await all({ command: "download", files: [word_for(row)], ...more }, "begun");
  say(
    begun ? t("downloading_now", { name: last(row.path), size: size(begun.size) }) : t("here_already", { name: last(row.path) }),
  );
}

export async function save_file(row) {
  const { path } = await link(`b3:${row.id}`, last(row.path));
  save(path, last(row.path));
}

// Shows a file; saves it if it cannot be shown.
export async function open_file(row) {
  try {
    const called = last(row.path);
    const { path, shown_as } = await link(`b3:${row.id}`, called);
    if (!shown_as) return save(path, called);
    await show(called, `${path}?show`, shown_as, [
      button(t("save"), () => save(path, called)),
      button(t("details"), () => details(row)),
    ]);
  } catch (error) {
    failed(error);
  }
}

// A download into another folder, from one peer, under another name: and first what it would bring.
function download_form(row) {
  const [to, output, exclude] = [t("downloads_folder"), last(row.path), t("none")].map((placeholder) => input({ placeholder }));
  const ids = row.peer_ids ?? [];
  const from = select(
    [
      ["", t("anyone")],
      ...(row.peers ?? []).map((one, at) => [ids[at] ?? one, one]),
      ...(row.reply === "folder" ? [["all", t("everyone_merged")]] : []),
    ],
    "",
  );
  const plan = el("p", { role: "status" });
  const wanted = () => ({
    ...(to.value.trim() && { to: to.value.trim() }),
    ...(output.value.trim() && { output: output.value.trim() }),
    ...(from.value && { from: [from.value] }),
    ...(exclude.value.trim() && {
      exclude: exclude.value
        .split(",")
        .map((one) => one.trim())
        .filter(Boolean),
    }),
  });
  const look = async () => {
    const [sum] = await all({ command: "download", files: [word_for(row)], dry_run: true, ...wanted() }, "plan_sum");
    plan.textContent = joined([
      t("n_files", { n: sum.files }),
      size(sum.size),
      sum.have > 0 && t("here_of_it", { size: size(sum.have) }),
      sum.free !== null && t("free_there", { size: size(sum.free) }),
    ]);
  };
  const node = dialog(of("download", last(row.path)), [
    form(
      async () => {
        await fetch_it(row, wanted());
        node.close();
      },
      field(t("into_folder"), to),
      field(t("under_name"), output),
      field(t("from"), from),
      row.reply === "folder" ? field(t("without"), exclude) : null,
      plan,
      el("div", { className: "acts" }, button(t("what_comes"), look), el("button", { className: "do lead" }, t("download"))),
    ),
  ]);
  look().catch(failed);
}

// Where an own file lies on this machine.
export async function local_path(path) {
  const shares = ((await status()).shares ?? []).filter((share) => typeof share.folder === "string");
  const share = shares.find(({ name: top }) => top && (path === top || path.startsWith(`${top}/`)));
  if (share) return share.folder + path.slice(share.name.length);
  const root = shares.find(({ name: top }) => !top);
  return root ? `${root.folder}/${path}` : null;
}

async function send_form(row) {
  const [path, peers] = await Promise.all([local_path(row.path), all({ command: "peers" }, "peer")]);
  if (peers.length === 0 || path === null) return say(t("nobody_here"), true);
  const to = select(
    peers.map((peer) => [peer.peer, peer.name]),
    peers[0].peer,
  );
  const node = dialog(of("send", last(row.path)), [
    form(
      async () => {
        await ask({ command: "send", paths: [path], to: to.value });
        say(t("offered", { name: last(row.path) }));
        node.close();
      },
      field(t("to_peer"), to),
      el("button", { className: "do lead" }, t("send")),
    ),
  ]);
}

function copies_form(row) {
  const many = select(
    [["auto", t("as_all_others")], ...Array.from({ length: 16 }, (_, at) => [String(at + 1), t("n_copies", { n: at + 1 })])],
    "auto",
  );
  const node = dialog(of("copies", last(row.path)), [
    form(
      async () => {
        await ask({ command: "copies", copies: many.value === "auto" ? null : Number(many.value), files: [word_for(row)] });
        say(t("noted"));
        node.close();
      },
      field(t("copies_wanted"), many),
      el("button", { className: "do lead" }, t("apply")),
    ),
  ]);
}

// Who has it: where, how fast, and since when. Of a folder, how much of it.
async function holders(row, into) {
  const lines = [];
  await ask({ command: "who", about: word_for(row) }, (one) => {
    if (one.reply === "who")
      lines.push([
        one,
        joined([
          one.has > 0 || one.shared > 0 ? t("has_n", { n: one.has }) : null,
          one.keeps > 0 ? t("keeps_n", { n: one.keeps }) : null,
          one.took > 0 ? t("took_n", { n: one.took }) : null,
          one.here ? null : t("is_away"),
          one.running ? t("being_sent") : null,
        ]),
      ]);
  });
  if (row.reply !== "folder") {
    // That nobody else has it is no failure here.
    const rows = await all({ command: "holders", file: word_for(row) }, "holder").catch(() => []);
    for (const one of rows) {
      const told = joined([
        one.address,
        one.speed !== null ? rate(one.speed) : null,
        one.since !== null ? t("since", { when: moment(one.since * 1000) }) : null,
        one.kept ? t("keeps_it") : null,
        one.some ? t("has_some") : null,
      ]);
      const known = lines.find(([line]) => line.peer === one.peer);
      if (known) known[1] = joined([known[1], told]);
      else lines.push([one, told]);
    }
  }
  into.replaceChildren(
    ...(lines.length === 0
      ? [el("li", {}, t("nobody_has"))]
      : lines.map(([one, told]) =>
          el(
            "li",
            {},
            name(one.name),
            one.look_alike ? ` (${one.peer.slice(0, 8)})` : "",
            " ",
            el("span", { className: "more" }, told),
          ),
        )),
  );
}

export function what_was(row) {
  const way =
    row.way === "in"
      ? t("from_names", { names: names(row.peers, row.peer_count) })
      : t("to_names", { names: names(row.peers, row.peer_count) });
  const outcome = row.outcome === "done" ? "" : (row.why ?? word("outcome", row.outcome));
  return joined([way, size(row.bytes), ago(row.ended), row.purpose === "download" ? "" : word("purpose", row.purpose), outcome]);
}

async function history(row) {
  const rows = await all({ command: "log", about: word_for(row), last: 100, folders: true }, "transfer");
  dialog(of("history", last(row.path)), [
    rows.length === 0
      ? el("p", {}, t("nothing_yet"))
      : el(
          "ul",
          { className: "plain" },
          rows.map((one) => el("li", {}, what_was(one))),
        ),
  ]);
}

async function announce(row) {
  const rows = await all({ command: "announce", file: word_of(row) }, "announced");
  say(t("announced_as", { state: word("announced", rows[0]?.state ?? "waiting"), id: `b3:${row.id}` }));
}

export function details(row) {
  const is_folder = row.reply === "folder";
  const having = el("ul", { className: "plain" }, el("li", {}, "…"));
  const acts = [];
  const add = (label, work) => acts.push(button(label, work));
  if (!is_folder) add(t("open"), () => open_file(row));
  if (row.peers.length > 0) {
    add(t("download"), () => fetch_it(row));
    add(t("download_with"), () => download_form(row));
  }
  if (!is_folder) add(t("save_here"), () => save_file(row));
  if (row.mine) {
    add(t("send_to_peer"), () => send_form(row));
    add(t("copies_set"), () => copies_form(row));
  }
  add(t("history"), () => history(row));
  if (row.mine && !is_folder) add(t("announce"), () => announce(row));
  dialog(last(row.path), [
    el("div", { className: "bar" }, acts),
    facts([
      [t("path"), name(row.path)],
      [t("size"), size(row.size)],
      is_folder ? [t("files"), t("n_files", { n: row.files })] : [t("id"), el("code", {}, row.id)],
      [t("modified"), row.modified ? moment(row.modified * 1000) : null],
      [
        t("copies"),
        row.wanted ? t("copies_of_wanted", { have: row.copies, wanted: row.wanted }) : t("n_copies", { n: row.copies }),
      ],
      [
        t("attention"),
        row.one_machine ? t("one_machine") : row.large ? t("too_large_to_copy") : row.ambiguous ? t("ambiguous") : null,
      ],
    ]),
    el("h3", {}, t("who_has")),
    having,
  ]);
  holders(row, having).catch((error) => {
    having.replaceChildren();
    failed(error);
  });
}
