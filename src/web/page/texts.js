// Lines of text between a guest and the owner: an address, a password, a short word.

import { moment, t } from "/i18n.js";
import { act, button, el, failed, icon, name, say } from "/ui.js";

// Milliseconds between two looks, while the page is seen.
const EVERY = 3_000;

// A page without encryption, or one that was not touched, may not use the newer way.
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = el("textarea", { value: text });
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
  say(t("copied"));
}

export function texts_part(about, get, post) {
  let next = 0;
  let is_looking = false;
  const log = el("div", { className: "log", role: "log", tabIndex: 0, ariaLabel: t("texts"), hidden: true });
  const text = el("textarea", {
    rows: 2,
    dir: "auto",
    ariaLabel: t("text_for", { name: about.name }),
    placeholder: t("text_for", { name: about.name }),
  });

  async function look() {
    if (is_looking || document.hidden) return;
    is_looking = true;
    try {
      const told = await get("api/texts", { after: next });
      ({ next } = told);
      log.append(
        ...told.texts.map((one) =>
          el(
            "p",
            {},
            el("b", {}, one.from === "guest" ? t("you") : name(about.name)),
            " ",
            el("time", { className: "more", dateTime: new Date(one.at * 1000).toISOString() }, moment(one.at * 1000)),
            " ",
            button(t("copy"), () => copy(one.text), { className: "tag" }),
            el("br"),
            el("span", { dir: "auto" }, one.text),
          ),
        ),
      );
      log.hidden = log.children.length === 0;
      if (told.texts.length > 0) log.scrollTop = log.scrollHeight;
    } finally {
      is_looking = false;
    }
  }

  const send = act(async () => {
    if (!text.value.trim()) return;
    await post("api/text", { text: text.value });
    text.value = "";
    await look();
  });
  setInterval(() => look().catch(() => {}), EVERY);
  look().catch(failed);
  return el(
    "section",
    { className: "texts" },
    log,
    el("form", { onsubmit: send }, text, el("button", { className: "do" }, icon("chat"), t("send"))),
  );
}
