// The view of what is said, to everyone and to one alone.

import { moment, t } from "/i18n.js";
import { all, ask } from "/peer.js";
import { act, button, el, input, name, select } from "/ui.js";

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

export async function open(args) {
  let chosen = args.get("with") ?? "";
  let last = "";
  const to = select([], "", { ariaLabel: t("talk_with"), onchange: () => { chosen = to.value; last = ""; refresh(); } });
  const log = el("div", { className: "log", role: "log", tabIndex: 0, ariaLabel: t("what_was_said") });
  const empty = el("p", { className: "empty" }, t("nothing_said"));
  const text = input({ maxLength: MOST, ariaLabel: t("what_you_say"), spellcheck: true });

  const line = (row) => {
    const whom = with_whom(row);
    const alone = whom && !chosen ? el("button", { type: "button", className: "tag", onclick: () => { chosen = whom.peer; last = ""; refresh(); text.focus(); } },
      row.mine ? t("to_alone", { name: whom.name }) : t("to_you_alone")) : null;
    return el("p", { className: row.mine ? "mine" : "" }, el("b", {}, row.mine ? t("you") : name(row.name), row.look_alike ? ` (${row.peer.slice(0, 8)})` : ""), " ",
      el("time", { className: "more", dateTime: new Date(row.said).toISOString() }, moment(row.said)), alone ? [" ", alone] : null, el("br"), el("span", { dir: "auto" }, row.text));
  };

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
    const told = JSON.stringify(shown);
    if (told === last) return;
    last = told;
    const is_at_end = log.scrollTop + log.clientHeight >= log.scrollHeight - 40;
    log.replaceChildren(...shown.map(line));
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
  return { nodes: [el("div", { className: "bar" }, el("h2", {}, t("chat")), el("span", { className: "gap" }), to), log, empty, node], refresh,
    begin: async () => { await refresh(); log.scrollTop = log.scrollHeight; } };
}
