// What the page asks of its peer. docs/API.md has the addresses, docs/JSON.md the questions and answers.

const TOKEN = "token";

export class Refused extends Error {
  constructor(message, code) {
    super(message);
    this.code = code;
  }
}

async function post(path, body, signal) {
  const headers = { "content-type": "application/json" };
  const token = sessionStorage.getItem(TOKEN);
  if (token) headers.authorization = `Bearer ${token}`;
  const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(body), signal, cache: "no-store" });
  if (answer.ok) return answer;
  const text = await answer.text();
  let told = {};
  try { told = JSON.parse(text); } catch { /* A sentence. */ }
  throw new Refused(told.message ?? text.trim(), answer.status === 401 ? "signed_out" : told.code);
}

// Exchanges the code behind `#` for a token, once. False: there is neither.
export async function signIn() {
  const code = location.hash.slice(1);
  if (code) {
    history.replaceState(null, "", location.pathname);
    const { token } = await (await post("/api/login", { code })).json();
    sessionStorage.setItem(TOKEN, token);
  }
  return sessionStorage.getItem(TOKEN) !== null;
}

// Asks, and hands on each answer but the last one.
export async function ask(request, onReply = () => {}, signal = undefined) {
  const answer = await post("/api/ask", { version: 1, ...request }, signal);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) throw new Refused("The peer has left.", "gone");
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      const reply = JSON.parse(line);
      if (reply.reply === "done") return;
      if (reply.reply === "failed") throw new Refused(reply.message, reply.code);
      onReply(reply);
    }
  }
}

// All answers of one kind.
export async function all(request, kind) {
  const found = [];
  await ask(request, (reply) => { if (reply.reply === kind) found.push(reply); });
  return found;
}

// The address of a file: { path, size, shown_as }.
export async function link(file, name) {
  return (await post("/api/link", { file, name })).json();
}
