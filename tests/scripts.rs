//! The scripts about what potluck is built from run, and say what is true: `scripts/sbom`,
//! `scripts/advisories`. They need python3, and none of the network.
#![expect(clippy::unwrap_used, reason = "helpers of tests, which may panic")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn run(script: &str, arguments: &[&str]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts").join(script);
    Command::new("python3").arg(script).args(arguments).output().unwrap()
}

#[test]
fn the_list_of_what_is_built_in_is_whole_and_the_same_each_time() {
    let [first, second] = [(); 2].map(|()| run("sbom", &[]));
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    assert_eq!(first.stdout, second.stdout);
    let list: Value = serde_json::from_slice(&first.stdout).unwrap();
    assert_eq!((&list["bomFormat"], &list["specVersion"]), (&"CycloneDX".into(), &"1.5".into()));
    let components = list["components"].as_array().unwrap();
    let named = |name: &str| components.iter().find(|c| c["name"] == name);
    for name in ["blake3", "ring", "rusqlite", "rustls"] {
        let found = named(name).unwrap_or_else(|| panic!("{name} is not in the list"));
        assert_eq!(found["hashes"][0]["content"].as_str().unwrap().len(), 64, "{found}");
        assert!(found["licenses"][0]["expression"].is_string(), "{found}");
    }
    // What tests alone need is not in the program; nor is the program a part of itself.
    assert!(["proptest", "insta", "potluck"].iter().all(|name| named(name).is_none()));
    let known = |purl: &Value| {
        components.iter().any(|c| c["bom-ref"] == *purl) || list["metadata"]["component"]["bom-ref"] == *purl
    };
    for row in list["dependencies"].as_array().unwrap() {
        assert!(known(&row["ref"]) && row["dependsOn"].as_array().unwrap().iter().all(known), "{row}");
    }
}

/// The name of the only advisory.
const ID: &str = "RUSTSEC-2026-0001";

/// It, as the database has it.
fn advisory(crate_name: &str, extra: &str, versions: &str) -> String {
    format!(
        "```toml\n[advisory]\nid = \"{ID}\"\npackage = \"{crate_name}\"\ndate = \"2026-01-01\"\n{extra}\n\
         [versions]\n{versions}\n```\n\n# What is wrong\n\nMore of it.\n"
    )
}

#[test]
fn a_version_is_at_fault_unless_it_is_patched_or_unaffected() {
    let dir = tempfile::tempdir().unwrap();
    let lock = dir.path().join("Cargo.lock");
    fs::write(&lock, "[[package]]\nname = \"faulty\"\nversion = \"0.5.14\"\n").unwrap();
    let folder = dir.path().join("database/crates/faulty");
    fs::create_dir_all(&folder).unwrap();
    let database = dir.path().join("database");
    let check = |name: &str, extra: &str, versions: &str| {
        fs::write(folder.join(ID).with_extension("md"), advisory(name, extra, versions)).unwrap();
        let output = run("advisories", &[database.to_str().unwrap(), lock.to_str().unwrap()]);
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    for (versions, at_fault) in [
        ("patched = []", true),
        ("patched = [\">= 0.5.15\"]", true),
        ("patched = [\">= 0.5.14\"]", false),
        ("patched = [\">= 0.5.14-alpha.1\"]", false),
        ("patched = [\"> 0.5.14\"]\nunaffected = [\"< 0.5.14\"]", true),
        ("patched = []\nunaffected = [\"< 0.5.12\"]", true),
        ("patched = []\nunaffected = [\"<= 0.5.14\"]", false),
        ("patched = [\"^0.4.9\", \">= 0.6\"]", true),
        ("patched = [\"^0.5.9\"]", false),
        ("patched = [\"0.5\"]", false),
        ("patched = [\"~0.5.2\"]", false),
        ("patched = [\"=0.5.13\"]", true),
        ("patched = [\">= 0.5.10, < 0.5.14\", \">= 1\"]", true),
        ("patched = [\">= 0.5.10, < 0.6\"]", false),
    ] {
        let (code, text) = check("faulty", "", versions);
        assert_eq!(code, Some(i32::from(at_fault)), "{versions}: {text}");
        let told = format!("FAULT: faulty 0.5.14: {ID}: What is wrong");
        assert_eq!(text.contains(&told), at_fault, "{versions}: {text}");
    }
    assert_eq!(check("another", "", "patched = []").0, Some(0));
    assert_eq!(check("faulty", "withdrawn = \"2026-02-01\"", "patched = []").0, Some(0));
    let (code, text) = check("faulty", "informational = \"unmaintained\"", "patched = []");
    assert!(code == Some(0) && text.contains("told (unmaintained)"), "{text}");
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(run("advisories", &[database.to_str().unwrap()]).status.code(), Some(2));
}
