// The view of people without potluck: a link for them, its QR code, and who came by it.

import { joined, moment, size, t } from "/i18n.js";
import { all, ask } from "/peer.js";
import { button, confirmed, el, facts, field, form, input, say, select } from "/ui.js";

export const concerns = /^guest_/;
export const every = 3_000;

const SVG = "http://www.w3.org/2000/svg";

// Dark dots on a light field with its quiet zone of four dots (ISO/IEC 18004), also where the page is dark.
function qr_code(rows) {
  const wide = rows.length + 8;
  const svg = document.createElementNS(SVG, "svg");
  for (const [key, value] of [
    ["viewBox", `0 0 ${wide} ${wide}`],
    ["class", "qr"],
    ["role", "img"],
    ["aria-label", t("qr_code")],
    ["shape-rendering", "crispEdges"],
  ])
    svg.setAttribute(key, value);
  const dots = rows.flatMap((row, y) => [...row].map((dot, x) => (dot === "#" ? `M${x + 4} ${y + 4}h1v1h-1z` : "")));
  for (const [color, path] of [
    ["light", `M0 0h${wide}v${wide}h-${wide}z`],
    ["dark", dots.join("")],
  ]) {
    const part = document.createElementNS(SVG, "path");
    part.setAttribute("class", color);
    part.setAttribute("d", path);
    svg.append(part);
  }
  return svg;
}

async function copy(text) {
  await navigator.clipboard.writeText(text);
  say(t("copied"));
}

const link = (address) => el("span", { className: "link" }, el("code", { dir: "ltr" }, address), " ", button(t("copy"), () => copy(address)));

const TIMES = ["", "1h", "4h", "1d", "7d"];

function begin_form(now, refresh) {
  const path = input({ value: now.path ?? "", placeholder: t("guest_all") });
  const time = select(
    TIMES.map((value) => [value, value ? t(`guest_for_${value}`) : t("guest_no_end")]),
    "",
  );
  const [upload, pin, hidden] = ["guest_uploads", "guest_pin", "guest_private"].map((key) => {
    const box = el("input", { type: "checkbox" });
    return [box, el("label", { className: "check" }, box, " ", t(key))];
  });
  return form(
    async () => {
      if (now.is_on && !(await confirmed(t("guest_new_asked"), t("guest_new")))) return;
      await ask({
        command: "guest",
        action: "on",
        ...(path.value.trim() && { what: path.value.trim() }),
        ...(time.value && { for: time.value }),
        ...(upload[0].checked && { upload: true }),
        ...(pin[0].checked && { pin: true }),
        ...(hidden[0].checked && { private: true }),
      });
      await refresh();
    },
    field(t("guest_path"), path),
    field(t("guest_time"), time),
    el("div", { className: "checks" }, upload[1], pin[1], hidden[1]),
    el("button", { className: now.is_on ? "do" : "do lead" }, now.is_on ? t("guest_new") : t("guest_begin")),
  );
}

function shown(now, refresh) {
  const end = async () => {
    await ask({ command: "guest", action: "off" });
    await refresh();
  };
  const text = input({ placeholder: t("guest_say"), ariaLabel: t("guest_say") });
  return el(
    "div",
    { className: "card guests" },
    now.qr_code ? qr_code(now.qr_code) : null,
    el(
      "div",
      {},
      el("p", {}, t("guest_scan")),
      facts([
        [t("address"), now.address ? link(now.address) : null],
        [t("pin"), now.pin ? el("b", { className: "code" }, now.pin) : null],
        [t("guest_path"), now.path || t("guest_all")],
        [t("guest_uploads"), now.takes_files ? "downloads/from-guests/" : null],
        [t("guest_time"), now.until ? t("until", { time: moment(now.until * 1000) }) : null],
        [t("guest_came"), joined([t("n_devices", { n: now.guests }), now.files > 0 && t("n_files", { n: now.files }), now.size > 0 && size(now.size)])],
        [t("guest_others"), now.addresses?.length ? now.addresses.map((other) => el("div", {}, link(other))) : null],
        [t("guest_encrypted"), now.private_address ? link(now.private_address) : null],
        [t("fingerprint"), now.fingerprint ? el("code", { dir: "ltr", className: "long" }, now.fingerprint) : null],
      ]),
      form(
        async () => {
          if (!text.value.trim()) return;
          await ask({ command: "guest", action: "say", what: text.value });
          text.value = "";
          say(t("noted"));
        },
        text,
        el("button", { className: "do" }, t("say")),
      ),
      button(t("guest_end"), end),
    ),
  );
}

export async function open() {
  const link_part = el("div", {});
  const form_part = el("div", {});
  let before = null;

  async function refresh() {
    const [now = {}] = await all({ command: "guest" }, "guest");
    // What is being typed stays.
    const same = JSON.stringify(now);
    if (same === before) return;
    const is_new = before === null || JSON.parse(before).address !== now.address;
    before = same;
    if (is_new || !link_part.contains(document.activeElement)) link_part.replaceChildren(...(now.is_on ? [shown(now, refresh)] : []));
    if (is_new)
      form_part.replaceChildren(
        el("div", { className: "card" }, el("h2", {}, now.is_on ? t("guest_new") : t("guest_begin")), el("p", { className: "more" }, t("guest_what")), begin_form(now, refresh)),
      );
  }

  return { nodes: [link_part, form_part], begin: refresh, refresh };
}
