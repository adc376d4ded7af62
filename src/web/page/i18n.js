// Words, numbers and dates in the language of who reads them. lang/ has a table of words for each.

export const LANGUAGES = { en: "English", de: "Deutsch", fr: "Français", es: "Español", zh: "简体中文", ar: "العربية" };
const KEPT = "language";

// A browser may forbid to keep anything.
function kept() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

const wanted = [kept(), ...navigator.languages].filter(Boolean);
const code_of = (tag) => tag.toLowerCase().split("-")[0];
export const language = wanted.map(code_of).find((code) => code in LANGUAGES) ?? "en";

// Dates of en-GB are not those of en-US.
const locale = navigator.languages.find((tag) => code_of(tag) === language) ?? language;
const table = await (await fetch(`/lang-${language}.json`)).json();
const plurals = new Intl.PluralRules(locale);

document.documentElement.lang = language;
document.documentElement.dir = language === "ar" ? "rtl" : "ltr";

export function choose(code) {
  try {
    localStorage.setItem(KEPT, code);
  } catch {
    /* It is asked for again then. */
  }
  location.reload();
}

const numbers = new Intl.NumberFormat(locale);
const tenths = new Intl.NumberFormat(locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const percents = new Intl.NumberFormat(locale, { style: "percent" });

export const number = (value) => numbers.format(value);

export const percent = (part, of) => percents.format(of > 0 ? Math.floor((part / of) * 100) / 100 : 1);

// The words for a key. `{name}` stands for a value: of text the direction is its own. `n` chooses among plurals.
export function t(key, values = {}) {
  const found = table[key] ?? key;
  const text = typeof found === "string" ? found : (found[plurals.select(values.n)] ?? found.other);
  return text.replace(/\{(\w+)\}/g, (_, called) => {
    const value = values[called];
    return typeof value === "number" ? number(value) : `\u2068${value}\u2069`;
  });
}

// What a button does, and to what: for who does not see where it is.
export const of = (key, called) => t("of", { label: t(key), name: called });

// The words for what the peer says in one word; that word itself, if it is a newer one.
export const word = (kind, value) => table[`${kind}_${value}`] ?? value;

export function size(bytes) {
  const units = table.units.split(" ");
  let unit = 0;
  while (bytes >= 999.5 && unit < units.length - 1) {
    bytes /= 1024;
    unit += 1;
  }
  return `${(unit > 0 && bytes < 9.95 ? tenths : numbers).format(unit > 0 && bytes < 9.95 ? bytes : Math.round(bytes))}\u00a0${units[unit]}`;
}

export const rate = (bytes) => t("per_second", { size: size(bytes) });

// Seconds in the largest unit of which there are two.
const STEPS = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
];
const in_units = (seconds) => {
  const [unit, length] = STEPS.find(([, length]) => Math.abs(seconds) >= 2 * length) ?? STEPS[3];
  return [Math.round(seconds / length), unit];
};

export function duration(seconds) {
  const [value, unit] = in_units(seconds);
  return new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "short" }).format(value);
}

const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto", style: "short" });
const dates = new Intl.DateTimeFormat(locale, { dateStyle: "medium" });
const times = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });

// When something was, from milliseconds since 1970: the nearer the more exact.
export function ago(millis) {
  const seconds = (millis - Date.now()) / 1000;
  if (Math.abs(seconds) > 14 * 86_400) return dates.format(millis);
  return relative.format(...in_units(seconds));
}

export const moment = (millis) => times.format(millis);

const lists = new Intl.ListFormat(locale, { style: "long", type: "conjunction" });

// Names one after the other, the first of them if there are many more.
export function names(all, total = all.length) {
  const shown = all.slice(0, 3).map((one) => `\u2068${one}\u2069`);
  return total > shown.length ? t("and_more", { names: shown.join(", "), n: total - shown.length }) : lists.format(shown);
}

export const joined = (parts) => parts.filter(Boolean).join(" · ");

// Fills in what stands in the HTML.
export function translate() {
  for (const node of document.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
  for (const node of document.querySelectorAll("[data-label]")) node.setAttribute("aria-label", t(node.dataset.label));
}

export function language_choice() {
  const node = document.createElement("select");
  for (const [code, called] of Object.entries(LANGUAGES)) {
    const option = document.createElement("option");
    option.value = code;
    option.lang = code;
    option.textContent = called;
    node.append(option);
  }
  node.value = language;
  node.setAttribute("aria-label", t("language"));
  node.addEventListener("change", () => choose(node.value));
  return node;
}
