// The view of this peer itself: who it is, how it does, its limits, and what keeps others from reaching it.

import { duration, joined, number, size, t, word } from "/i18n.js";
import { all, ask, path_text, status } from "/peer.js";
import { button, confirmed, el, facts, field, form, input, name, say } from "/ui.js";
import { sentence } from "/doctor.js";

export const concerns = /^(warning|peer_)/;
export const every = 5_000;

function about(now) {
  const { counters } = now;
  return facts([
    [t("name"), name(now.name)],
    [t("id"), el("code", {}, now.peer)],
    [t("network"), now.network === "group" ? t("in_group", { name: now.group ?? "" }) : t("open_network")],
    [t("peers"), number(now.peer_count)],
    [t("running_for"), duration(now.uptime)],
    [t("folder"), path_text(now.directory)],
    [t("ports"), now.ports.join(", ")],
    [t("office"), now.office ? word("office", now.office) : null],
    [t("sent"), size(counters.bytes_sent)],
    [t("received"), size(counters.bytes_received)],
    [t("confined"), joined([word("confined", now.confined), now.confined_why])],
    [t("key"), now.key_exported ? t("key_saved") : t("key_unsaved")],
  ]);
}

// Of both, as bytes a second are typed: 500K, 2M.
const UNITS = { "": 1, K: 1e3, M: 1e6, G: 1e9, KI: 1024, MI: 1 << 20, GI: 1 << 30 };

function limit_of(text) {
  const found = /^\s*(\d+(?:[.,]\d+)?)\s*(|[KMG]i?)(?:B|\/s|B\/s)?\s*$/i.exec(text);
  if (!text.trim() || text.trim() === "0") return null;
  return found ? Math.round(Number(found[1].replace(",", ".")) * UNITS[found[2].toUpperCase()]) : undefined;
}

function limits_part(now, refresh) {
  const shown = (bytes) => (bytes ? `${Math.round(bytes / 1000)}K` : "");
  const [up, down] = [now.up_limit, now.down_limit].map((bytes) =>
    input({ value: shown(bytes), placeholder: t("no_limit"), inputMode: "text" }),
  );
  return el(
    "div",
    { className: "card" },
    el("h2", {}, t("limits")),
    el("p", { className: "more" }, t("limits_what")),
    form(
      async () => {
        const [up_limit, down_limit] = [limit_of(up.value), limit_of(down.value)];
        if (up_limit === undefined || down_limit === undefined || (up_limit ?? 1000) < 1000 || (down_limit ?? 1000) < 1000)
          return say(t("limit_wrong"), true);
        await ask({ command: "reload", up_limit, down_limit });
        say(t("noted"));
        await refresh();
      },
      field(t("up_limit"), up),
      field(t("down_limit"), down),
      el("button", { className: "do" }, t("apply")),
    ),
  );
}

async function doctor(into) {
  into.replaceChildren(el("p", {}, t("looking")));
  const rows = (await all({ command: "doctor" }, "finding")).reverse();
  into.replaceChildren(
    el(
      "ul",
      { className: "plain findings" },
      rows.map((row) =>
        el(
          "li",
          { className: row.severity },
          el("b", {}, word("severity", row.severity)),
          " ",
          sentence(row.diagnosis),
          (row.commands ?? []).map((line) => el("pre", { dir: "ltr" }, line)),
        ),
      ),
    ),
  );
}

async function announced(into) {
  const rows = await all({ command: "announce" }, "announced");
  const stop = (row) => async () => {
    await ask({ command: "announce", file: `b3:${row.id}`, stop: true });
    await announced(into);
  };
  into.replaceChildren(
    ...(rows.length === 0
      ? []
      : [
          el("h2", {}, t("announced")),
          el(
            "ul",
            { className: "plain" },
            rows.map((row) =>
              el("li", {}, name(row.path ?? row.id), " ", word("announced", row.state), " ", button(t("stop"), stop(row))),
            ),
          ),
        ]),
  );
}

export async function open() {
  const [facts_of, warnings, limits, found, announces] = Array.from({ length: 5 }, () => el("div", {}));
  found.setAttribute("role", "status");

  async function refresh() {
    const now = await status();
    facts_of.replaceChildren(about(now));
    warnings.replaceChildren(
      ...(now.warnings.length === 0
        ? []
        : [
            el("h2", {}, t("warnings")),
            el(
              "ul",
              { className: "plain" },
              now.warnings.map((text) => el("li", { dir: "auto" }, text)),
            ),
          ]),
    );
    if (!limits.contains(document.activeElement)) limits.replaceChildren(limits_part(now, refresh));
  }

  const leave = (is_now) => async () => {
    if (!(await confirmed(is_now ? t("exit_now_asked") : t("exit_asked"), t("exit")))) return;
    say(t("leaving"));
    await ask({ command: "exit", now: is_now }, (reply) => {
      if (reply.reply === "leaving")
        say(t("handing_over", { done: reply.files_done, files: reply.files, size: size(reply.bytes_left) }));
      else if (reply.reply === "farewell")
        say(
          t("farewell", { files: reply.files, safe: reply.safe, once: reply.once, none: reply.files - reply.safe - reply.once }),
        );
    });
  };
  const begin = async () => {
    await refresh();
    // Only a peer that looks for other networks can announce anything.
    await announced(announces).catch(() => {});
  };
  return {
    nodes: [
      warnings,
      facts_of,
      limits,
      announces,
      el(
        "div",
        { className: "card" },
        el("h2", {}, t("doctor")),
        el("p", { className: "more" }, t("doctor_what")),
        button(t("look"), () => doctor(found)),
        found,
      ),
      el("div", { className: "bar" }, button(t("exit"), leave(false)), button(t("exit_now"), leave(true))),
    ],
    refresh,
    begin,
  };
}
