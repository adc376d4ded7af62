// The view of copies: how many there are of own files, what is kept for others, and what can be had back.

import { joined, of, size, t, word } from "/i18n.js";
import { Section, cells, press } from "/list.js";
import { last, kind_of } from "/media.js";
import { all, ask, status } from "/peer.js";
import { button, confirmed, el, facts, field, form, input, name, say } from "/ui.js";
import { details } from "/details.js";

export const concerns = /^(file_|peer_came|peer_went|missed)/;

function sums(custody) {
  if (!custody) return [[t("copies"), t("not_known_yet")]];
  const own =
    custody.copies <= 1
      ? t("copies_off")
      : t("copies_whole", { whole: custody.own_whole, files: custody.own_files, n: custody.copies });
  return [
    [t("own_files"), own],
    [t("being_copied"), custody.moving > 0 ? t("n_files", { n: custody.moving }) : null],
    [
      t("lent"),
      custody.lent === 0
        ? t("lends_nothing")
        : t("lent_of", { used: size(custody.kept_bytes), lent: size(custody.lent), n: custody.kept_files }),
    ],
    [t("not_mounted"), custody.absent > 0 ? t("n_files", { n: custody.absent }) : null],
  ];
}

// Files that were shared and are missing.
function lost_part(custody, refresh) {
  if (!custody?.lost) return null;
  const restore = (forget) => async () => {
    if (forget && !(await confirmed(t("forget_asked", { n: custody.lost }), t("forget_lost")))) return;
    await all({ command: "restore", forget, files: [] }, "begun");
    await refresh();
  };
  return el(
    "div",
    { className: "card bad" },
    el("p", {}, t("n_lost", { n: custody.lost })),
    el(
      "div",
      { className: "bar" },
      button(t("restore"), restore(false), { className: "do lead" }),
      button(t("forget_lost"), restore(true)),
    ),
  );
}

async function verify(into) {
  into.replaceChildren(el("p", {}, t("verifying")));
  const bad = [];
  let sum = null;
  await ask({ command: "verify" }, (reply) => {
    if (reply.reply === "verified") bad.push(reply);
    else if (reply.reply === "verify_sum") sum = reply;
  });
  into.replaceChildren(
    el("p", {}, t("verified", { n: sum?.files ?? 0, size: size(sum?.size ?? 0), bad: sum?.bad ?? bad.length })),
    el(
      "ul",
      { className: "plain" },
      bad.map((row) =>
        el("li", {}, name(row.path), " ", joined([word("verify", row.result), row.repaired ? t("repaired") : null])),
      ),
    ),
  );
}

export async function open() {
  const about = el("div", {});
  const verified = el("div", { role: "status" });
  const own = new Section(t("copies_own"), t("share_nothing"), {
    key: (row) => `${row.path} ${row.id}`,
    open: details,
    draw: (row) =>
      cells(
        kind_of(row.path),
        row.path,
        joined([
          size(row.size),
          row.wanted ? t("copies_of_wanted", { have: row.copies, wanted: row.wanted }) : t("n_copies", { n: row.copies }),
          row.one_machine ? t("one_machine") : null,
          row.large ? t("too_large_to_copy") : null,
        ]),
        [press("more", of("details", last(row.path)), () => details(row))],
      ),
  });
  const kept = new Section(t("kept_for"), "", {
    key: (row) => row.peer,
    draw: (row) =>
      cells("peer", row.name, joined([t("n_files", { n: row.files }), size(row.bytes), row.away ? t("is_away") : null])),
  });
  const path = input({ required: true });
  const back = form(
    async () => {
      await all({ command: "restore", forget: false, files: [path.value.trim()] }, "begun");
      path.value = "";
      say(t("noted"));
    },
    field(t("restore_path"), path),
    el("button", { className: "do" }, t("restore")),
  );

  async function refresh() {
    const { custody } = await status();
    about.replaceChildren(...[lost_part(custody, refresh), facts(sums(custody))].filter(Boolean));
    kept.set(custody?.kept_for ?? []);
    own.set((await all({ command: "list", mine: true, flat: true, sort: "copies" }, "file")).filter((row) => row.id));
  }

  return {
    nodes: [
      about,
      el(
        "div",
        { className: "bar" },
        button(t("verify"), () => verify(verified)),
      ),
      verified,
      ...kept.nodes,
      ...own.nodes,
      back,
    ],
    refresh,
    begin: refresh,
  };
}
