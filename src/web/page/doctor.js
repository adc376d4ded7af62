// What `doctor` found, in a sentence.

import { duration, joined, names, number, size, t, word } from "/i18n.js";

const of_peers = (found) => ({ names: names(found.peers, found.peer_count), time: duration(found.seconds ?? 0) });

function interface_of(found) {
  const which = `\u2068${found.name}\u2069`;
  if (!found.up) return t("dr_if_off", { name: found.name });
  if (!found.connected) return t("dr_if_unplugged", { name: found.name });
  const used = found.is_used
    ? t("dr_if_used", { sent: found.sent, heard: found.heard, peers: found.peer_count })
    : t("dr_if_unused");
  return joined([
    which,
    found.addresses.join(", "),
    used,
    found.unsent > 0 ? t("dr_if_unsent", { n: found.unsent, why: found.why ?? "" }) : null,
  ]);
}

function index_of(found) {
  if (!found.supernode) return found.large ? t("dr_index_missing") : t("dr_index_none");
  const keeper = (called, office) => (found.own === office ? t("this_peer") : called);
  const first = keeper(found.supernode, "supernode");
  return found.deputy ? t("dr_index_both", { first, second: keeper(found.deputy, "deputy") }) : t("dr_index_one", { first });
}

function clock_of(found) {
  if (found.too_early) return t("dr_clock_wrong");
  return found.jumped === 0 ? t("dr_clock_fine") : t("dr_clock_jumped", { time: duration(Math.abs(found.jumped)) });
}

const SENTENCES = {
  interface: interface_of,
  no_network: () => t("dr_no_network"),
  nobody_heard: (f) => t(f.firewall ? "dr_nobody_firewall" : "dr_nobody", { sent: f.sent, time: duration(f.seconds) }),
  deaf: (f) => t("dr_deaf", { n: f.peer_count, time: duration(f.seconds) }),
  ports: (f) => joined([t("dr_ports", { tcp: f.tcp.join(", "), udp: String(f.udp) }), f.moved]),
  reached: (f) => t("dr_reached", { n: f.peer_count, time: duration(f.seconds) }),
  not_reachable: (f) => t("dr_not_reachable", of_peers(f)),
  cannot_reach: (f) => t("dr_cannot_reach", of_peers(f)),
  blocked: (f) => t("dr_blocked", of_peers(f)),
  through: (f) => t("dr_through", { ...of_peers(f), carriers: names(f.carriers) }),
  unanswered: (f) => t("dr_unanswered", { name: f.name, address: f.address, time: duration(f.seconds) }),
  outsiders: (f) => t("dr_outsiders", { n: f.hosts }),
  route: (f) => joined([t("dr_route", { name: f.target || f.name || f.address || "" }), word("route", f.state), f.why]),
  port_mapping: (f) => joined([t("dr_mapping", { port: String(f.port) }), word("mapping", f.state), f.outside]),
  index: index_of,
  firewalls: (f) => joined(["ufw", "firewalld"].map((called) => `${called}: ${word("firewall", f[called])}`)),
  space: (f) =>
    f.free === null ? t("dr_space_unknown", { folder: f.folder }) : t("dr_space", { size: size(f.free), folder: f.folder }),
  sandbox: (f) => joined([t("dr_sandbox"), word("confined", f.confined), f.why]),
  descriptors: (f) => t("dr_descriptors", { used: f.used === null ? "?" : number(f.used), allowed: f.allowed }),
  watches: (f) => t("dr_watches", { used: f.used === null ? "?" : number(f.used), allowed: f.allowed }),
  dropped_datagrams: (f) => t("dr_dropped", { n: f.count }),
  same_machine: (f) => t("dr_same_machine", { n: f.peer_count }),
  clock: clock_of,
};

// A newer peer may find what is not known here: then its own word for it.
export const sentence = (diagnosis) => SENTENCES[diagnosis.finding]?.(diagnosis) ?? diagnosis.finding;
