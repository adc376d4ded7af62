// The view of offers: what others want to send, and what is sent to one of them.

import { ago, joined, of, percent, size, t, word } from "/i18n.js";
import { Section, cells, press, press_words } from "/list.js";
import { all, ask } from "/peer.js";
import { act, dialog, el, field, form, input, say, select } from "/ui.js";

export const concerns = /^(download_|peer_came|peer_went|missed)/;
export const every = 3_000;

const IS_OPEN = ["reading", "offering", "waiting", "accepted"];

function state_of(row) {
  const moves = ["reading", "accepted"].includes(row.state);
  const who =
    row.direction === "in"
      ? t("from_names", { names: `\u2068${row.name}\u2069` })
      : t("to_names", { names: `\u2068${row.name}\u2069` });
  return joined([
    row.look_alike ? `${who} (${row.id.slice(0, 8)})` : who,
    row.files > 0 ? t("n_files", { n: row.files }) : null,
    size(row.size),
    moves ? percent(row.done, row.size) : null,
    row.why ?? word("offer", row.state),
    ago(Date.now() - row.age * 1000),
    row.files_left_out > 0 ? t("n_left_out", { n: row.files_left_out }) : null,
  ]);
}

function accept_into(row, refresh) {
  const to = input({ placeholder: t("downloads_folder") });
  const node = dialog(of("accept", row.what), [
    form(
      async () => {
        await all({ command: "accept", which: row.number, ...(to.value.trim() && { to: to.value.trim() }) }, "begun");
        node.close();
        await refresh();
      },
      field(t("into_folder"), to),
      el("button", { className: "do lead" }, t("accept")),
    ),
  ]);
}

export async function open(args) {
  const draw = (row) => {
    const done = (request) => async () => {
      await all(request, "begun");
      await refresh();
    };
    const acts = [];
    if (row.direction === "in" && row.state === "waiting") {
      acts.push(
        press_words(t("accept"), of("accept", row.what), done({ command: "accept", which: row.number }), true),
        press("more", of("accept_with", row.what), () => accept_into(row, refresh)),
        press("stop", of("reject", row.what), done({ command: "reject", which: row.number })),
      );
    } else if (row.direction === "out" && IS_OPEN.includes(row.state)) {
      acts.push(press("stop", of("withdraw", row.what), done({ command: "reject", which: row.number })));
    }
    return cells(row.direction === "in" ? "save" : "send", row.what, state_of(row), acts);
  };
  const ins = new Section(t("offers_in"), t("offers_none"), { key: (row) => row.number, draw });
  const outs = new Section(t("offers_out"), "", { key: (row) => row.number, draw });

  async function refresh() {
    const rows = await all({ command: "offers" }, "offer");
    ins.set(rows.filter((row) => row.direction === "in"));
    outs.set(rows.filter((row) => row.direction === "out"));
  }

  const peers = await all({ command: "peers" }, "peer");
  const to = select(
    peers.map((peer) => [peer.peer, peer.name]),
    args.get("to") ?? peers[0]?.peer ?? "",
    { required: true },
  );
  const path = input({ placeholder: "/home/…", required: true });
  const send = el(
    "form",
    {
      className: "card",
      onsubmit: act(async () => {
        await ask({ command: "send", paths: [path.value.trim()], to: to.value });
        say(t("offered", { name: path.value.trim() }));
        path.value = "";
        await refresh();
      }),
    },
    el("h2", {}, t("send_path")),
    field(t("path_here"), path),
    field(t("to_peer"), to),
    el("button", { className: "do lead" }, t("send")),
  );
  return { nodes: [...ins.nodes, ...outs.nodes, peers.length > 0 ? send : null], refresh, begin: refresh };
}
