// The view of what is said, to everyone and to one alone.

import { moment, t } from "/i18n.js";
import { all, ask } from "/peer.js";
import { act, el, failed, input, name, select } from "/ui.js";

// Lines are no events: they are looked for.
export const concerns = /^peer_/;
export const every = 2_000;

// Bytes of a line, at most.
const MOST = 700;

// Lines that are shown, at most.
const LINES = 500;

// The one whom a line to one alone is with; null: everyone hears it.
function with_whom(row) {
  if (row.audience === "everyone") return null;
  return row.mine ? { peer: row.audience.one.peer, name: row.audience.one.name } : { peer: row.peer, name: row.name };
}

// A line. Who reads all of them sees which one is for one alone, and talks with that one from there.
function draw_line(row, is_chosen, talk) {
  const whom = with_whom(row);
  const words = () => (row.mine ? t("to_alone", { name: whom.name }) : t("to_you_alone"));
  const alone =
    whom && !is_chosen ? el("button", { type: "button", className: "tag", onclick: () => talk(whom.peer) }, words()) : null;
  return el(
    "p",
    {},
    el("b", {}, row.mine ? t("you") : name(row.name), row.look_alike ? ` (${row.peer.slice(0, 8)})` : ""),
    " ",
    el("time", { className: "more", dateTime: new Date(row.said).toISOString() }, moment(row.said)),
    alone ? [" ", alone] : null,
    el("br"),
    el("span", { dir: "auto" }, row.text),
  );
}

export async function open(args) {
  let chosen = args.get("with") ?? "";
  let lines = [];
  const to = select([], "", { ariaLabel: t("talk_with"), onchange: () => talk(to.value) });
  const log = el("div", { className: "log", role: "log", tabIndex: 0, ariaLabel: t("what_was_said") });
  const empty = el("p", { className: "empty" }, t("nothing_said"));
  const text = input({ maxLength: MOST, ariaLabel: t("what_you_say"), spellcheck: true });

  const talk = (whom) => {
    chosen = whom;
    refresh().catch(failed);
  };

  const line = (row) =>
    draw_line(row, chosen !== "", (whom) => {
      talk(whom);
      text.focus();
    });

  function people(peers, rows) {
    const all_of = new Map(peers.map((peer) => [peer.peer, peer.name]));
    for (const whom of rows.map(with_whom).filter(Boolean)) if (!all_of.has(whom.peer)) all_of.set(whom.peer, whom.name);
    if (chosen && !all_of.has(chosen)) all_of.set(chosen, chosen.slice(0, 8));
    const choices = [["", t("everyone")], ...all_of];
    const told = JSON.stringify(choices);
    if (to.told !== told) {
      to.told = told;
      to.replaceChildren(...choices.map(([value, words]) => el("option", { value }, words)));
    }
    to.value = chosen;
    text.placeholder = chosen ? t("say_to", { name: all_of.get(chosen) }) : t("say_to_everyone");
  }

  async function refresh() {
    const [peers, rows] = await Promise.all([all({ command: "peers" }, "peer"), all({ command: "chat" }, "line")]);
    people(peers, rows);
    const shown = rows.filter((row) => !chosen || with_whom(row)?.peer === chosen).slice(-LINES);
    const told = shown.map((row) => JSON.stringify(row));
    // Only what is new is put in, for it is read out.
    const is_more = lines.every((one, at) => one === told[at]);
    if (is_more && told.length === lines.length) return;
    const is_at_end = log.scrollTop + log.clientHeight >= log.scrollHeight - 40;
    if (is_more) log.append(...shown.slice(lines.length).map(line));
    else log.replaceChildren(...shown.map(line));
    lines = told;
    log.hidden = shown.length === 0;
    empty.hidden = shown.length > 0;
    if (is_at_end) log.scrollTop = log.scrollHeight;
  }

  const say_it = act(async () => {
    if (!text.value.trim()) return;
    await ask({ command: "chat", text: [chosen ? `@${chosen} ${text.value}` : text.value] });
    text.value = "";
    await refresh();
    log.scrollTop = log.scrollHeight;
  });
  const node = el("form", { onsubmit: say_it }, text, el("button", { className: "do lead" }, t("say")));
  return {
    nodes: [el("div", { className: "bar" }, el("h2", {}, t("chat")), el("span", { className: "gap" }), to), log, empty, node],
    refresh,
    begin: async () => {
      await refresh();
      log.scrollTop = log.scrollHeight;
    },
  };
}
