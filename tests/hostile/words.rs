//! Words that mean what they say: what a user types as an id is no peer's name and no file's path, and a
//! folder comes from the one who is meant, however much others look like that one.

use std::fs;
use std::process::Output;

use crate::fiend::{Fiend, Lie, Offer, Order};
use crate::lab::{Lab, Peer, SOON, wait};
use crate::watch::{assert_holds, assert_well};

const TRUE: &[u8] = b"what the honest peer shares";
const FALSE: &[u8] = b"what the other one would like to be taken for it";

/// Runs `download` with these words; its exit code, and all that it said.
fn download(victim: &Peer, words: &[&str]) -> (Option<i32>, String) {
    let out = victim.cli(["download"].iter().chain(words));
    (out.status.code(), printed(&out))
}

/// All that a command said.
fn printed(out: &Output) -> String {
    String::from_utf8_lossy(&[&out.stdout[..], &out.stderr].concat()).into_owned()
}

/// Forgets what was downloaded.
fn clear(victim: &Peer) {
    let downloads = victim.directory.join("downloads");
    fs::remove_dir_all(&downloads).unwrap();
    fs::create_dir(&downloads).unwrap();
}

#[test]
fn no_name_of_a_peer_stands_for_an_id() {
    let Some(lab) = Lab::of("up 5") else { return };
    let victim = lab.peer(1, "victim", &[]);
    let honest = lab.peer_with(2, "honest", &[("plan.txt", TRUE)]);
    let id = honest.status().id;
    let short: String = id.chars().take(8).collect();
    // One is called as the other's id in lower case, one in upper case, one as what is shown of it.
    let names = [id.clone(), id.to_uppercase(), short.clone()];
    let fiends = [3, 4, 5].map(|node| Fiend::start(&lab, node, &names[usize::from(node) - 3], Lie::None));
    for fiend in &fiends {
        fiend.order(Order::Have(FALSE.to_vec()));
        fiend.offer(vec![Offer::file("plan.txt", FALSE)]);
    }
    wait("what all share", SOON, || {
        let rows = victim.list();
        let from = |id: &str| rows.iter().any(|row| row.peer_ids.iter().any(|peer| peer == id));
        (from(&id) && fiends.iter().all(|fiend| from(&fiend.id().full()))).then_some(())
    });
    let saved = victim.directory.join("downloads/plan.txt");
    for word in [&id, &id.to_uppercase()] {
        let (code, said) = download(&victim, &["plan.txt", "--from", word]);
        assert_eq!(code, Some(0), "{said}");
        assert_holds(&saved, TRUE);
        clear(&victim);
    }
    // What begins the id of one and is the name of another one is neither.
    let (code, said) = download(&victim, &["plan.txt", "--from", &short]);
    assert_eq!(code, Some(5), "{said}");
    assert!(said.contains("honest") && said.contains(&fiends[2].id().prefix(8)), "{said}");
    // Nobody is shown under a name that is an id.
    let is_id = |name: &String| name.eq_ignore_ascii_case(&id);
    assert!(!victim.names().iter().any(is_id), "{:?}", victim.names());
    assert_well(&victim);
}

#[test]
fn no_path_stands_for_the_id_of_a_file() {
    let Some(lab) = Lab::of("up 3") else { return };
    let victim = lab.peer(1, "victim", &[]);
    let _honest = lab.peer_with(2, "honest", &[("plan.txt", TRUE)]);
    let content = format!("b3:{}", blake3::hash(TRUE));
    let fiend = Fiend::start(&lab, 3, "fiend", Lie::None);
    fiend.order(Order::Have(FALSE.to_vec()));
    fiend.offer(vec![Offer::file(content.as_str(), FALSE), Offer::file(&content[..13], FALSE)]);
    wait("the honest file", SOON, || victim.offered("plan.txt"));
    wait("the other one", SOON, || victim.offered(&content));
    let downloads = victim.directory.join("downloads");
    for word in [&content, &content[..13]] {
        let (code, said) = download(&victim, &[word]);
        assert_eq!(code, Some(0), "{said}");
        assert_holds(&downloads.join("plan.txt"), TRUE);
        clear(&victim);
    }
    // A file of such a name can be had all the same, as it is listed.
    let listed = printed(&victim.cli(["list"]));
    assert!(listed.contains(&format!("./{content}")), "{listed}");
    let (code, said) = download(&victim, &[&format!("./{content}")]);
    assert_eq!(code, Some(0), "{said}");
    assert_holds(&downloads.join(&content), FALSE);
    assert_well(&victim);
}

#[test]
fn a_name_that_is_an_id_is_refused() {
    let Some(lab) = Lab::of("up 2") else { return };
    let honest = lab.peer(1, "honest", &[]);
    let id = honest.status().id;
    let mut peer = lab.peer(2, &id, &[]);
    let (status, _) = peer.ended(SOON);
    assert_eq!(status.code(), Some(2));
    let log = fs::read_to_string(peer.directory.join("log")).unwrap();
    assert!(log.contains("--name") && log.contains("looks like a peer id"), "{log}");
}

#[test]
fn a_folder_comes_from_one_owner_and_look_alikes_are_told_apart() {
    const HOOK: &str = "project/.git/hooks/post-checkout";
    let Some(lab) = Lab::of("up 4") else { return };
    let victim = lab.peer(1, "victim", &[]);
    let tree: [(&str, &[u8]); 2] = [("project/README", TRUE), ("project/src/main.rs", b"fn main() {}")];
    let honest = lab.peer_with(2, "Anna", &tree);
    let mirror = lab.peer_with(3, "mirror", &tree);
    // The first letter is that of another alphabet.
    let fiend = Fiend::start(&lab, 4, "\u{410}nna", Lie::None);
    let (id, same, other) = (honest.status().id, mirror.status().id, fiend.id().full());
    wait("both trees", SOON, || {
        let is_whole = |path| {
            let row = victim.offered(path);
            row.is_some_and(|row| row.peer_ids.contains(&id) && row.peer_ids.contains(&same))
        };
        tree.iter().all(|(path, _)| is_whole(path)).then_some(())
    });
    let folder = victim.directory.join("downloads/project");
    let hook = victim.directory.join("downloads").join(HOOK);
    // The same at all who have it: there is nothing to choose, and all of them give of it.
    let (code, said) = download(&victim, &["project"]);
    assert_eq!(code, Some(0), "{said}");
    assert_holds(&folder.join("README"), TRUE);
    clear(&victim);
    tree.iter().for_each(|(_, content)| fiend.order(Order::Have(content.to_vec())));
    fiend.order(Order::Have(FALSE.to_vec()));
    let offers = tree.iter().map(|(path, content)| Offer::file(*path, content));
    fiend.offer(offers.chain([Offer::file(HOOK, FALSE)]).collect());
    wait("one more in the folder", SOON, || victim.offered(HOOK));
    let (code, said) = download(&victim, &["project"]);
    assert!(!hook.exists(), "{said}");
    assert_eq!(code, Some(5), "{said}");
    for part in [&id[..8], &same[..8], &other[..8], "--from all", "2 files", "3 files"] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    for words in [&["project/", "--from", &id][..], &["project", "--from", "mirror", "--from", &id]] {
        let (code, said) = download(&victim, words);
        assert_eq!(code, Some(0), "{said}");
        assert_holds(&folder.join("src/main.rs"), tree[1].1);
        assert!(!hook.exists());
        clear(&victim);
    }
    // Whoever wants that has them all in one.
    let (code, said) = download(&victim, &["project", "--from", "all"]);
    assert_eq!(code, Some(0), "{said}");
    assert_holds(&hook, FALSE);
    // Neither can be taken for the other one; nobody is like the third one.
    let of = |owner: &str| printed(&victim.cli(["list", "project", "--from", owner]));
    assert!(of(&id).contains(&format!(" Anna ({})", &id[..8])), "{}", of(&id));
    assert!(of(&other).contains(&format!(" \u{410}nna ({})", &other[..8])), "{}", of(&other));
    assert!(of("mirror").contains(" mirror ") && !of("mirror").contains("mirror ("), "{}", of("mirror"));
    let peers = printed(&victim.cli(["peers"]));
    for (name, id) in [("Anna *", &id), ("\u{410}nna *", &other), ("mirror  ", &same)] {
        let row = peers.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{peers}"));
        assert!(row.contains(&id[..8]), "{peers}");
    }
    assert_well(&victim);
}
