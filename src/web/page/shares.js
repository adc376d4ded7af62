// The view of what this peer shares, by folder.

import { joined, of, size, t, word } from "/i18n.js";
import { Section, cells, press } from "/list.js";
import { all, ask, path_text, status } from "/peer.js";
import { button, confirmed, el, facts, field, form, input, say } from "/ui.js";

export const concerns = /^(file_|missed)/;

const left_out = (row) =>
  row
    ? joined([
        row.hidden > 0 && t("n_hidden", { n: row.hidden }),
        row.junk > 0 && t("n_junk", { n: row.junk }),
        row.ignored > 0 && t("n_ignored", { n: row.ignored }),
      ])
    : null;

export async function open() {
  const about = el("div", {});
  const shares = new Section(t("shared_folders"), t("share_nothing"), {
    key: (row) => row.name,
    open: (row) => {
      location.hash = `#files?${new URLSearchParams({ mine: "1", ...(row.name && { in: `${row.name}/` }) })}`;
    },
    draw: (row) => {
      const folder = path_text(row.folder);
      const stop = async () => {
        if (!(await confirmed(t("unshare_asked", { name: row.name }), t("unshare")))) return;
        await ask({ command: "unshare", share: row.name });
        await refresh();
      };
      return cells(
        "folder",
        row.name || "shared",
        joined([
          row.state === "here" ? t("n_files", { n: row.files }) : word("share", row.state),
          size(row.size),
          `\u2068${folder}\u2069`,
        ]),
        row.name ? [press("stop", of("unshare", row.name), stop)] : [],
      );
    },
  });

  async function refresh() {
    const now = await status();
    shares.set(now.shares ?? []);
    about.replaceChildren(
      facts([
        [t("shared"), joined([t("n_files", { n: now.files }), size(now.size)])],
        [t("being_hashed"), now.hashing > 0 ? t("n_files", { n: now.hashing }) : null],
        [t("left_out"), left_out(now.left_out)],
      ]),
    );
  }

  const rescan = async () => {
    const [row] = await all({ command: "rescan" }, "rescanned");
    say(
      joined([
        t("rescanned"),
        t("n_files", { n: row.files }),
        size(row.size),
        row.gone > 0 && t("n_gone", { n: row.gone }),
        left_out(row.left_out),
      ]),
    );
    await refresh();
  };
  const folder = input({ placeholder: "/home/…", required: true });
  const as = input({ placeholder: t("name_of_folder") });
  const add = el(
    "div",
    { className: "card" },
    el("h2", {}, t("share_folder")),
    form(
      async () => {
        await ask({ command: "share", folder: folder.value.trim(), ...(as.value.trim() && { name: as.value.trim() }) });
        say(t("shared_now", { name: folder.value.trim() }));
        folder.value = as.value = "";
        await refresh();
      },
      field(t("path_here"), folder),
      field(t("under_name"), as),
      el("button", { className: "do lead" }, t("share")),
    ),
  );
  return {
    nodes: [about, el("div", { className: "bar" }, button(t("rescan"), rescan)), ...shares.nodes, add],
    refresh,
    begin: refresh,
  };
}
