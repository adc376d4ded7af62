// Shows what is in a file, as far as a browser can without running any of it.

import { t } from "/i18n.js";
import { Refused, dialog, el } from "/ui.js";

// Bytes of a text that are shown, at most.
const TEXT = 256 * 1024;

// What a picture beside a name is, by the ending of the name.
const KINDS = {
  image: /\.(png|jpe?g|gif|webp|avif|bmp|svg|heic|tiff?)$/i,
  video: /\.(mp4|m4v|webm|mov|mkv|ogv|avi)$/i,
  audio: /\.(mp3|m4a|ogg|oga|opus|flac|wav)$/i,
};

export const kind_of = (path) => Object.keys(KINDS).find((kind) => KINDS[kind].test(path)) ?? "file";

export const last = (path) => path.split("/").pop();

// The beginning of a text. A server may send more than it is asked for.
async function text_of(source) {
  const answer = await fetch(source, { headers: { range: `bytes=0-${TEXT - 1}` } });
  // No byte can be asked for of an empty file.
  if (answer.status === 416) return "";
  if (!answer.ok) throw new Refused((await answer.text()).trim(), answer.status);
  const reader = answer.body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (let left = TEXT; left > 0;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    text += decoder.decode(value.subarray(0, left), { stream: true });
    left -= value.length;
  }
  reader.cancel();
  return text;
}

// `source`: the address at which it is shown, `media`: what it is, `acts`: buttons below it.
export async function show(called, source, media, acts) {
  const kind = media.split("/")[0];
  const broken = () => {
    shown.replaceWith(el("p", { className: "empty" }, t("cannot_show")));
  };
  const shown =
    kind === "image"
      ? el("img", { src: source, alt: called, onerror: () => broken() })
      : kind === "text"
        ? el("pre", { dir: "auto", tabIndex: 0 }, await text_of(source))
        : el(kind, { src: source, controls: true, autoplay: true, onerror: () => broken() });
  const node = dialog(called, [shown], acts);
  // What plays is heard no more once it is closed.
  node.addEventListener("close", () => {
    if (kind === "audio" || kind === "video") {
      shown.pause();
      shown.removeAttribute("src");
      shown.load();
    }
  });
  return node;
}

// Saves what is at an address.
export function save(address, called) {
  const node = el("a", { href: address, download: called });
  document.body.append(node);
  node.click();
  node.remove();
}
