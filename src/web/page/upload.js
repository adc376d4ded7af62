// Sends files to a server in slices, and goes on where it was cut.

import { joined, of, percent, size, t } from "/i18n.js";
import { Refused, button, el, name } from "/ui.js";

// Bytes of one slice, at most.
const SLICE = 8 << 20;

// Milliseconds between tries while the network is away: the first, and the longest.
const SOON = 1_000;
const LATE = 30_000;

function pause(millis, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, millis);
    // A network that is there again is tried at once.
    addEventListener(
      "online",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        reject(signal.reason);
      },
      { once: true },
    );
  });
}

// Asks until there is an answer. A server that is busy is one that is away.
async function tried(work, signal, on_wait) {
  for (let wait = SOON; ; wait = Math.min(LATE, wait * 2)) {
    try {
      const answer = await work();
      // A full disk (507) is full the next time, too.
      if (answer.status < 500 || answer.status === 507) return answer;
    } catch (error) {
      if (signal.aborted) throw error;
    }
    on_wait();
    await pause(wait, signal);
  }
}

async function told(answer) {
  const text = await answer.text();
  try {
    return JSON.parse(text);
  } catch {
    return { message: text.trim() };
  }
}

// `to`: { address, headers: of a media type, fields: more of what is said at the beginning }.
async function send(file, to, signal, on_progress) {
  const post = (path, media, body) =>
    fetch(path, { method: "POST", headers: to.headers(media), body, signal, cache: "no-store" });
  const first = JSON.stringify({ name: file.name, size: file.size, ...to.fields });
  const wait = () => on_progress(offset, true);
  let offset = 0;
  const begun = await tried(() => post(to.address, "application/json", first), signal, wait);
  const answer = await told(begun);
  if (!begun.ok) throw new Refused(answer.message, begun.status);
  // An empty file is there when it is begun.
  if (answer.saved !== undefined) return answer;
  const { upload } = answer;
  offset = answer.offset;
  for (;;) {
    on_progress(offset, false);
    const slice = file.slice(offset, offset + SLICE);
    const taken = await tried(
      () => post(`${to.address}/${upload}?at=${offset}`, "application/octet-stream", slice),
      signal,
      wait,
    );
    const now = await told(taken);
    if (!taken.ok && taken.status !== 409) throw new Refused(now.message, taken.status);
    const is_over = taken.ok && (now.saved !== undefined || now.offset >= file.size);
    offset = now.offset;
    if (is_over) return now;
  }
}

// What is being sent, a line each, one after the other.
export class Uploads {
  #waiting = [];
  #is_busy = false;

  // `to` of a file says where it goes, `done` hears of each that arrived.
  constructor(done = () => {}) {
    this.done = done;
    this.node = el("ul", { className: "uploads", ariaLabel: t("uploads"), hidden: true });
  }

  add(files, to) {
    for (const file of files) {
      const stop = new AbortController();
      const bar = el("progress", { max: Math.max(file.size, 1), value: 0, ariaLabel: of("progress", file.name) });
      const state = el("span", { className: "more" }, t("waits"));
      const acts = el(
        "div",
        { className: "acts" },
        button(t("cancel"), () => {
          stop.abort();
          line.remove();
          this.node.hidden = this.node.children.length === 0;
        }),
      );
      const line = el("li", {}, el("div", { className: "two" }, name(file.name), bar, state), acts);
      this.node.append(line);
      this.#waiting.push({ file, to, stop, bar, state, line, acts });
    }
    this.node.hidden = this.node.children.length === 0;
    if (!this.#is_busy) this.#work();
  }

  async #work() {
    this.#is_busy = true;
    // A page that is left stops sending: the browser asks first.
    const stay = (event) => event.preventDefault();
    addEventListener("beforeunload", stay);
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      if (!next.stop.signal.aborted) await this.#one(next);
    }
    removeEventListener("beforeunload", stay);
    this.#is_busy = false;
  }

  async #one({ file, to, stop, bar, state, line, acts }) {
    try {
      await send(file, to, stop.signal, (offset, is_away) => {
        bar.value = offset;
        state.textContent = is_away ? t("network_away") : joined([percent(offset, file.size), size(file.size)]);
      });
      bar.value = bar.max;
      state.textContent = joined([t("sent"), size(file.size)]);
      this.done(file);
    } catch (error) {
      if (stop.signal.aborted) return;
      state.textContent = error instanceof Refused ? error.message : t("unreachable");
      state.classList.add("bad");
    }
    acts.replaceChildren(
      button(t("dismiss"), () => {
        line.remove();
        this.node.hidden = this.node.children.length === 0;
      }),
    );
  }
}

// Files that are dragged onto a place. Folders are no files.
export function dropped(node, on_files) {
  const has_files = (event) => event.dataTransfer?.types.includes("Files");
  const mark = (is_over) => node.classList.toggle("drop", is_over);
  node.addEventListener("dragover", (event) => {
    if (has_files(event)) {
      event.preventDefault();
      mark(true);
    }
  });
  node.addEventListener("dragleave", (event) => {
    if (!node.contains(event.relatedTarget)) mark(false);
  });
  node.addEventListener("drop", (event) => {
    mark(false);
    // A place in this one may have taken them.
    if (!has_files(event) || event.defaultPrevented) return;
    event.preventDefault();
    const files = [...event.dataTransfer.items]
      .filter((item) => item.kind === "file")
      .map((item) => (item.webkitGetAsEntry?.()?.isDirectory ? null : item.getAsFile()))
      .filter(Boolean);
    on_files(files, event);
  });
}

// Files that are chosen: a button that opens the browser's own dialog.
export function chooser(label, on_files, properties = {}) {
  const field = el("input", {
    type: "file",
    multiple: true,
    hidden: true,
    ariaLabel: label,
    onchange: () => {
      on_files([...field.files]);
      field.value = "";
    },
  });
  return [field, button(label, () => field.click(), properties)];
}
