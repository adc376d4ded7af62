// The view of the settings of this peer, and of its group.

import { joined, of, t } from "/i18n.js";
import { Section, cells, press } from "/list.js";
import { all, ask, path_text, status } from "/peer.js";
import { button, confirmed, dialog, el, facts, field, form, input, name, say, select } from "/ui.js";

export const concerns = /^peer_/;

const config = (act, more = {}) => all({ command: "config", act, ...more }, act === "show" ? "setting" : "note");

// ---- one setting ---------------------------------------------------------------------------

const value_of = (row) => row.values.join(", ");

function origin_of(row) {
  if (row.origin === "file") return `${path_text(row.file)}:${row.line}`;
  return row.origin === "environment" ? row.variable : t(`origin_${row.origin}`);
}

const when = (row) => (row.is_live ? t("counts_now") : t("counts_later"));

// What a person typed, as values: of a list, one between two commas each.
const values_of = (row, text) =>
  row.is_list
    ? text
        .split(",")
        .map((one) => one.trim())
        .filter(Boolean)
    : [text.trim()];

function change(row, refresh) {
  const control = row.is_switch
    ? select(
        ["true", "false"].map((value) => [value, t(`is_${value}`)]),
        value_of(row),
      )
    : input(row.origin === "default" ? { placeholder: value_of(row) } : { value: value_of(row) });
  const done = async (notes) => {
    node.close();
    // What weighs more than the file is in the last line.
    say(joined([notes.at(-1)?.text, when(row)]));
    await refresh();
  };
  const set = async () => done(await config("set", { key: row.key, values: values_of(row, control.value) }));
  const unset = async () => done(await config("unset", { key: row.key }));
  const node = dialog(
    row.key,
    [
      el("p", { dir: "auto" }, row.help),
      facts([
        [t("unit"), row.unit],
        [t("comes_from"), origin_of(row)],
        [t("counts"), when(row)],
      ]),
      form(set, field(t("value"), control), el("button", { className: "do lead" }, t("apply"))),
    ],
    row.origin === "file" ? [button(t("unset"), unset)] : [],
  );
}

// ---- the group -----------------------------------------------------------------------------

// Who changes networks is away for a moment: what is asked then may fail.
async function regroup(question, refresh, told) {
  say(t("regrouping"));
  let note = null;
  await ask({ command: "group", ...question }, (reply) => {
    if (reply.reply === "note") note = reply.text;
  });
  say(note ?? told, note !== null);
  await refresh();
}

function group_part(group, refresh) {
  const leave = async () => {
    if (!(await confirmed(t("leave_group_asked", { name: group.name }), t("leave_group")))) return;
    await regroup({ act: "leave" }, refresh, t("in_open_network"));
  };
  if (group.name)
    return [
      facts([
        [t("group_name"), name(group.name)],
        [t("passphrase"), el("details", {}, el("summary", {}, t("show_passphrase")), el("code", { dir: "ltr" }, group.passphrase))],
      ]),
      button(t("leave_group"), leave),
    ];
  const [made, joins] = [input({ required: true }), input({ required: true })];
  const passphrase = input({ type: "password", required: true, autocomplete: "off" });
  const joined_now = (called) => t("in_group", { name: called });
  return [
    el("p", { className: "more" }, t("group_what")),
    form(
      () => regroup({ act: "new", name: made.value.trim() }, refresh, joined_now(made.value.trim())),
      field(t("group_name"), made),
      el("button", { className: "do" }, t("make_group")),
    ),
    form(
      () => regroup({ act: "join", name: joins.value.trim(), passphrase: passphrase.value }, refresh, joined_now(joins.value.trim())),
      field(t("group_name"), joins),
      field(t("passphrase"), passphrase),
      el("button", { className: "do" }, t("join_group")),
    ),
  ];
}

export async function open() {
  const [group, network] = [el("div", {}), el("p", {})];
  const settings = new Section(t("view_settings"), "", {
    key: (row) => row.key,
    open: (row) => change(row, refresh),
    draw: (row) =>
      cells("set", row.key, joined([row.values.length > 0 ? `\u2068${value_of(row)}\u2069` : null, row.unit, origin_of(row)]), [
        press("more", of("change", row.key), () => change(row, refresh)),
      ]),
  });

  let shown;

  async function refresh() {
    const [rows, [here], now] = await Promise.all([config("show"), all({ command: "group", act: "show" }, "group"), status()]);
    settings.set(rows);
    network.replaceChildren(now.network === "group" ? t("in_group", { name: now.group ?? "" }) : t("open_network"));
    // What is being typed stays, unless there is nothing more to be typed.
    if (here.name === shown && group.contains(document.activeElement)) return;
    shown = here.name;
    group.replaceChildren(...group_part(here, refresh));
  }

  return {
    nodes: [
      ...settings.nodes,
      el("div", { className: "card" }, el("h2", {}, t("network")), network, group),
    ],
    refresh,
    begin: refresh,
  };
}
