// The view of who is here, and of links to networks elsewhere.

import { ago, duration, joined, of, rate, size, t, word } from "/i18n.js";
import { Section, cells, press, press_words } from "/list.js";
import { all, ask, headers, status, takes_uploads } from "/peer.js";
import { button, dialog, el, facts, field, form, input, name, say } from "/ui.js";
import { chooser, dropped, Uploads } from "/upload.js";

export const concerns = /^(peer_|missed)/;

const to_view = (view, args) => {
  location.hash = `#${view}?${new URLSearchParams(args)}`;
};

const called = (row) => (row.look_alike ? `${row.name} (${row.peer.slice(0, 8)})` : row.name);

async function details(row, is_ignored, refresh, uploads) {
  const [known] = await all({ command: "who", about: row.peer }, "who_peer");
  const hear = async () => {
    await ask({ command: is_ignored ? "unignore" : "ignore", peer: row.peer });
    node.close();
    await refresh();
  };
  const go = (view, args) => () => {
    node.close();
    to_view(view, args);
  };
  const node = dialog(row.name, [
    el(
      "div",
      { className: "bar" },
      button(t("files_of_one"), go("files", { from: row.peer })),
      button(t("write"), go("chat", { with: row.peer })),
      uploads
        ? chooser(t("send_files"), (files) => {
            node.close();
            uploads(files, row);
          })
        : button(t("send_files"), go("offers", { to: row.peer })),
      button(t("history"), go("downloads", { about: row.peer })),
      button(is_ignored ? t("unignore") : t("ignore"), hear),
    ),
    facts([
      [t("id"), el("code", {}, row.peer)],
      [t("address"), row.address],
      [t("port"), String(row.port)],
      [t("here_for"), duration(row.seconds)],
      [t("heard_through"), row.through ? name(row.through) : null],
      [t("office"), row.office ? word("office", row.office) : null],
      [t("shares"), row.files === null ? t("not_known_yet") : joined([t("n_files", { n: row.files }), size(row.size)])],
      [t("speed"), known?.speed ? rate(known.speed) : null],
      [
        t("took_from_here"),
        known && known.took + known.took_some > 0
          ? joined([t("n_files", { n: known.took + known.took_some }), size(known.bytes_sent)])
          : null,
      ],
      [t("keeps_for_you"), known?.keeps > 0 ? t("n_files", { n: known.keeps }) : null],
      [t("last_sent"), known?.last_sent ? ago(known.last_sent) : null],
    ]),
  ]);
}

function routes_part(refresh) {
  const links = new Section(t("links"), "", {
    key: (row) => `${row.target} ${row.peer}`,
    draw: (row) =>
      cells(
        "peer",
        row.target || row.name || row.address || row.peer,
        joined([
          word("route", row.state),
          row.name,
          duration(row.seconds),
          row.peer_count > 0 ? t("n_peers", { n: row.peer_count }) : null,
          row.why,
        ]),
        row.target
          ? [
              press("stop", of("disconnect", row.target), async () => {
                await ask({ command: "disconnect", target: row.target });
                await refresh();
              }),
            ]
          : [],
      ),
  });
  const target = input({ placeholder: "10.1.2.3:27280", required: true });
  const add = el(
    "div",
    { className: "card" },
    el("h2", {}, t("connect_title")),
    el("p", { className: "more" }, t("connect_what")),
    form(
      async () => {
        const [row] = await all({ command: "connect", target: target.value.trim() }, "route");
        say(joined([t("connected_to", { name: row?.name ?? target.value }), row?.address]));
        target.value = "";
        await refresh();
      },
      field(t("address"), target),
      el("button", { className: "do" }, t("connect")),
    ),
  );
  return { links, add };
}

export async function open() {
  let ignored = new Set();
  const can_upload = takes_uploads();
  const sent = new Uploads();
  const send = (files, row) => sent.add(files, { address: "/api/upload", headers, fields: { to: row.peer } });
  const about = (row) => details(row, ignored.has(row.peer), refresh, can_upload ? send : null);
  const here = new Section(t("peers_here"), t("nobody_here"), {
    key: (row) => row.peer,
    open: about,
    draw: (row) =>
      cells(
        "peer",
        called(row),
        joined([
          row.files === null ? t("not_known_yet") : t("n_files", { n: row.files }),
          row.size !== null ? size(row.size) : null,
          row.address,
          row.through ? t("through", { name: row.through }) : null,
          row.office ? word("office", row.office) : null,
          ignored.has(row.peer) ? t("is_ignored") : null,
        ]),
        [
          press("chat", of("write", row.name), () => to_view("chat", { with: row.peer })),
          press("more", of("details", row.name), () => about(row)),
        ],
      ),
  });
  const unheard = new Section(t("ignored"), "", {
    key: (row) => row.peer,
    draw: (row) =>
      cells("peer", row.name, row.peer.slice(0, 8), [
        press_words(t("unignore"), of("unignore", row.name), async () => {
          await ask({ command: "unignore", peer: row.peer });
          await refresh();
        }),
      ]),
  });
  const { links, add } = routes_part(() => refresh());
  // Files that are dropped on somebody are sent there.
  let rows = [];
  if (can_upload) {
    dropped(here.list.node, (files, event) => {
      const at = event.target.closest(".row")?.at;
      if (rows[at]) send(files, rows[at]);
    });
  }

  async function refresh() {
    const [peers, quiet, now] = await Promise.all([
      all({ command: "peers" }, "peer"),
      all({ command: "chat" }, "ignored"),
      status(),
    ]);
    rows = peers;
    ignored = new Set(quiet.map((row) => row.peer));
    here.set(peers);
    unheard.set(quiet);
    links.set(now.routes ?? []);
  }

  return { nodes: [sent.node, ...here.nodes, ...unheard.nodes, ...links.nodes, add], refresh, begin: refresh };
}
