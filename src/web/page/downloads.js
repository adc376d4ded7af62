// The view of what is fetched, sent, unfinished, and was so lately.

import { duration, joined, names, of, percent, rate, size, t, word } from "/i18n.js";
import { Section, cells, press } from "/list.js";
import { all, ask, status } from "/peer.js";
import { button, confirmed, el, form, input, say } from "/ui.js";
import { what_was } from "/details.js";

export const concerns = /^(download_|upload_|missed)/;

const GOES = ["downloading", "queued", "waiting"];

// A download of the queue, and what can be done with it.
function draw_queued(row, refresh) {
  const one = (label, kind, request) =>
    press(kind, of(label, row.what), async () => {
      await ask(request);
      await refresh();
    });
  const cancel = async () => {
    if (!(await confirmed(t("cancel_asked", { name: row.what }), t("cancel")))) return;
    await ask({ command: "cancel", job: row.job, discard: true });
    await refresh();
  };
  const goes = GOES.includes(row.state);
  const why = row.why ?? (row.state === "downloading" ? null : word("state", row.state));
  const more = el(
    "span",
    {},
    el("progress", { value: row.done, max: Math.max(row.size, 1), ariaLabel: of("progress", row.what) }),
    joined([
      percent(row.done, row.size),
      size(row.size),
      row.speed > 0 && goes ? rate(row.speed) : null,
      row.left !== null && goes ? t("time_left", { time: duration(row.left) }) : null,
      why,
      row.from.length > 0 ? t("from_names", { names: names(row.from) }) : null,
    ]),
  );
  return cells("save", row.what, more, [
    row.is_first ? null : one("first", "first", { command: "first", which: row.job }),
    goes
      ? one("pause", "pause", { command: "pause", which: row.job })
      : one("resume", "go", { command: "resume", which: row.job }),
    press("stop", of("cancel", row.what), cancel),
  ]);
}

export async function open(args) {
  const about = input({ type: "search", value: args.get("about") ?? "", placeholder: t("log_about"), ariaLabel: t("log_about") });

  const draw = (row) => draw_queued(row, () => refresh());
  const queue = new Section(t("queue"), t("queue_empty"), { key: (row) => row.job, draw });
  const unfinished = new Section(t("unfinished"), "", {
    key: (row) => row.id,
    draw: (row) =>
      cells(
        "file",
        row.path || row.id,
        row.size === null ? size(row.held) : joined([percent(row.held, row.size), size(row.size)]),
        [
          press("go", of("resume", row.path || row.id), async () => {
            await all({ command: "download", files: [row.asked || `b3:${row.id}`] }, "begun");
            await refresh();
          }),
        ],
      ),
  });
  const uploads = new Section(t("being_sent_now"), "", {
    key: (row) => row.name,
    draw: (row) => cells("send", row.name, joined([size(row.bytes), rate(row.speed)])),
  });
  const ended = new Section(t("lately"), t("nothing_yet"), {
    key: (row) => `${row.began} ${row.path} ${row.way} ${row.peer_ids}`,
    draw: (row) => cells(row.way === "in" ? "save" : "send", row.path ?? t("a_file"), what_was(row)),
  });

  const both = (label, request) =>
    button(label, async () => {
      await ask(request);
      await refresh();
    });
  const bar = el(
    "div",
    { className: "bar" },
    both(t("pause_all"), { command: "pause", which: "all" }),
    both(t("resume_all"), { command: "resume", which: "all" }),
  );

  async function refresh() {
    const [rows, now] = await Promise.all([all({ command: "queue" }, "queued"), status()]);
    queue.set(rows);
    bar.hidden = rows.length < 2;
    unfinished.set(now.unfinished);
    uploads.set(now.uploads);
    const word_for = about.value.trim();
    const log = await all({ command: "log", last: 500, folders: true, ...(word_for && { about: word_for }) }, "transfer");
    ended.set(log.reverse());
  }

  const look = form(
    async () => {
      say("");
      await refresh();
    },
    about,
    el("button", { className: "do" }, t("search")),
  );
  const [title, ...rest] = ended.nodes;
  return { nodes: [bar, ...queue.nodes, ...uploads.nodes, ...unfinished.nodes, title, look, ...rest], refresh, begin: refresh };
}
