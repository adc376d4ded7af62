// What the page asks of its peer. docs/API.md has the addresses, docs/JSON.md the questions and answers.

import { t } from "/i18n.js";
import { Refused } from "/ui.js";

const TOKEN = "token";
const UPLOADS = "uploads";

// Milliseconds after which reading a long answer lets the page be scrolled.
const TURN = 8;

// What proves that it is the owner who asks.
export function headers(media = "application/json") {
  const token = sessionStorage.getItem(TOKEN);
  return { "content-type": media, ...(token && { authorization: `Bearer ${token}` }) };
}

// What was refused, with the words of the peer.
export async function refusal(answer) {
  const text = await answer.text();
  let told = {};
  try {
    told = JSON.parse(text);
  } catch {
    /* A sentence. */
  }
  return new Refused(told.message ?? text.trim(), answer.status === 401 ? "signed_out" : told.code);
}

async function post(path, body, signal) {
  const answer = await fetch(path, { method: "POST", headers: headers(), body: JSON.stringify(body), signal, cache: "no-store" });
  if (answer.ok) return answer;
  throw await refusal(answer);
}

// Exchanges a code for a token, once. False: there is neither.
export async function sign_in(code) {
  if (code) {
    const told = await (await post("/api/login", { code })).json();
    sessionStorage.setItem(TOKEN, told.token);
    sessionStorage.setItem(UPLOADS, told.uploads === true);
  }
  return sessionStorage.getItem(TOKEN) !== null;
}

// True if the peer takes files of this browser: it says so with the token.
export const takes_uploads = () => sessionStorage.getItem(UPLOADS) === "true";

const pause = () => new Promise((later) => setTimeout(later));

// Asks, and hands on each answer but the last one.
export async function ask(request, on_reply = () => {}, signal = undefined) {
  const answer = await post("/api/ask", { version: 1, ...request }, signal);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let until = performance.now() + TURN;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) throw new Refused(t("peer_left"), "gone");
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      const reply = JSON.parse(line);
      if (reply.reply === "done") return;
      if (reply.reply === "failed") throw new Refused(reply.message, reply.code);
      on_reply(reply);
      if (performance.now() > until) {
        await pause();
        until = performance.now() + TURN;
      }
    }
  }
}

// All answers of one kind.
export async function all(request, kind) {
  const found = [];
  await ask(request, (reply) => {
    if (reply.reply === kind) found.push(reply);
  });
  return found;
}

export const status = async () => (await all({ command: "status" }, "status"))[0];

// The address of a file: { path, size, shown_as }.
export async function link(file, name) {
  return (await post("/api/link", { file, name })).json();
}

// The word by which the peer finds a file that it listed: its path, which is what the queue calls it; its id where the
// path could mean something else.
export const word_of = (row) => (row.ambiguous || /^b3:|[*?[\\]/.test(row.path) ? `b3:${row.id}` : row.path);

// An absolute path of the peer's machine is text; one that is not UTF-8 is a list of bytes.
export const path_text = (path) => (typeof path === "string" ? path : new TextDecoder().decode(new Uint8Array(path)));
