// Fetches a file in slices, and goes on where it was cut: a browser does not do so by itself where it does not know the
// certificate.

import { t } from "/i18n.js";
import { Refused } from "/ui.js";

// Bytes of one slice.
const SLICE = 8 << 20;

// Milliseconds between tries while the network is away: the first, and the longest.
const SOON = 1_000;
const LATE = 30_000;

function pause(millis, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, millis);
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

// One slice; null: the network is away.
async function slice(address, from, until, signal) {
  try {
    const answer = await fetch(address, { headers: { range: `bytes=${from}-${until - 1}` }, signal, cache: "no-store" });
    if (answer.status >= 500) return null;
    // What answers with all of it, or with nothing, has another file there.
    if (answer.status !== 206) throw new Refused(t("gone"), answer.status);
    const bytes = await answer.blob();
    return bytes.size === until - from ? { bytes, tag: answer.headers.get("etag") } : null;
  } catch (error) {
    if (signal.aborted || error instanceof Refused) throw error;
    return null;
  }
}

export async function fetched(address, size, signal, on_progress) {
  const all = [];
  let tag = null;
  let wait = SOON;
  for (let from = 0; from < size;) {
    const until = Math.min(size, from + SLICE);
    const part = await slice(address, from, until, signal);
    if (part === null) {
      on_progress(from, true);
      await pause(wait, signal);
      wait = Math.min(LATE, wait * 2);
      continue;
    }
    // Another tag is another content: slices of both do not fit.
    if (tag !== null && part.tag !== tag) throw new Refused(t("changed_meanwhile"), "changed");
    tag = part.tag;
    wait = SOON;
    all.push(part.bytes);
    from = until;
    on_progress(from, false);
  }
  return new Blob(all, { type: "application/octet-stream" });
}
