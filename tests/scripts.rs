//! The scripts that users and maintainers run do what they say: about what potluck is built from (`scripts/sbom`,
//! `scripts/advisories`; they need python3), and that put it in place (`scripts/install`, `scripts/package` and what is in
//! `scripts/packaging/`). None needs the network.
#![expect(clippy::unwrap_used, reason = "helpers of tests, which may panic")]
#![expect(clippy::print_stdout, reason = "what is skipped is said")]

use std::fs;
use std::path::{Path, PathBuf};
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

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A script of the shell, which succeeds; what it prints.
fn shell(script: &str, home: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(root().join("scripts").join(script));
    command.args(arguments).env("HOME", home).env_remove("XDG_CONFIG_HOME").env_remove("DESTDIR");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{script} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// True if this program is there; said otherwise, so that nobody takes for tested what is not.
fn is_there(program: &str) -> bool {
    let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output().unwrap();
    if !found.status.success() {
        println!("{program} is not there: this part is skipped");
    }
    found.status.success()
}

/// All files below a folder, relative to it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let all = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().map(|entry| entry.unwrap());
    let files = all.filter(|entry| !entry.file_type().is_dir());
    files.map(|entry| entry.path().strip_prefix(folder).unwrap().to_owned()).collect()
}

#[test]
fn the_program_is_installed_for_a_user_and_goes_without_a_trace() {
    let home = tempfile::tempdir().unwrap();
    let program = assert_cmd::cargo::cargo_bin!("potluck");
    let said = shell("install", home.path(), &["--binary", program.to_str().unwrap()]);
    assert!(said.contains("systemctl --user enable --now potluck"), "{said}");
    let expected = [
        ".config/fish/completions/potluck.fish",
        ".config/systemd/user/potluck.service",
        ".local/bin/potluck",
        ".local/share/bash-completion/completions/potluck",
        ".local/share/man/man1/potluck.1",
        ".local/share/zsh/site-functions/_potluck",
    ];
    let (pages, others): (Vec<PathBuf>, Vec<PathBuf>) =
        files(home.path()).into_iter().partition(|path| path.to_string_lossy().contains("man1/potluck-"));
    assert_eq!(others, expected.map(PathBuf::from));
    assert!(pages.len() > 30 && pages.iter().any(|page| page.ends_with("potluck-download.1")), "{pages:?}");
    let installed = home.path().join(".local/bin/potluck");
    let version = Command::new(&installed).arg("version").output().unwrap();
    assert!(version.stdout.starts_with(b"potluck "));
    let unit = fs::read_to_string(home.path().join(expected[1])).unwrap();
    let start = format!("ExecStart={} --daemon --directory %h/potluck\n", installed.display());
    assert!(unit.contains(&start), "{unit}");
    for (at, text) in
        [(0, "complete -c potluck"), (3, "-F _potluck potluck"), (4, ".TH"), (5, "#compdef potluck")]
    {
        assert!(
            fs::read_to_string(home.path().join(expected[at])).unwrap().contains(text),
            "{}",
            expected[at]
        );
    }
    if is_there("groff") {
        for page in pages.iter().map(PathBuf::as_path).chain([Path::new(expected[4])]) {
            let page = home.path().join(page);
            let output =
                Command::new("groff").args(["-man", "-Tutf8", "-ww", "-z"]).arg(&page).output().unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{}", page.display());
        }
    }
    // Once more is as good as once.
    shell("install", home.path(), &["--binary", program.to_str().unwrap()]);
    shell("install", home.path(), &["--uninstall"]);
    assert_eq!(files(home.path()), Vec::<PathBuf>::new());
}

#[test]
fn wrong_arguments_are_refused_with_what_can_be_said() {
    for (script, arguments) in [
        ("install", &["--sytem"][..]),
        ("install", &["--binary"]),
        ("package", &["x"]),
        ("package", &["--out"]),
        ("try-package", &[]),
    ] {
        let output = Command::new(root().join("scripts").join(script)).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{script} {arguments:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(&format!("scripts/{script}")));
    }
}

#[test]
fn the_units_are_sound_and_give_a_peer_little() {
    let dir = tempfile::tempdir().unwrap();
    for unit in ["potluck.service", "potluck-user.service"] {
        let text = fs::read_to_string(root().join("scripts/packaging").join(unit)).unwrap();
        for needed in
            ["Type=notify\n", "WatchdogSec=", "ExecReload=/bin/kill -HUP $MAINPID\n", "NoNewPrivileges=yes\n"]
        {
            assert!(text.contains(needed), "{unit}: {needed}");
        }
        let is_line = |line: &str| {
            line.is_empty()
                || line.starts_with(['#', '['])
                || line.split_once('=').is_some_and(|(key, _)| {
                    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric())
                })
        };
        assert!(text.lines().all(is_line), "{unit}");
        // It is looked whether the program is there.
        fs::write(dir.path().join(unit), text.replace("/usr/bin/potluck", "/bin/true")).unwrap();
    }
    if !is_there("systemd-analyze") {
        return;
    }
    let analyze = |arguments: &[&str]| {
        let output =
            Command::new("systemd-analyze").args(arguments).current_dir(dir.path()).output().unwrap();
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout),
        )
    };
    for unit in ["./potluck.service", "./potluck-user.service"] {
        assert_eq!(analyze(&["verify", "--man=no", unit]), (true, String::new()), "{unit}");
    }
    let (is_low, said) = analyze(&["security", "--offline=true", "--threshold=30", "./potluck.service"]);
    assert!(is_low, "{said}");
}

#[test]
fn the_agent_of_macos_can_be_read() {
    let home = tempfile::tempdir().unwrap();
    let agent = root().join("scripts/packaging/potluck.plist");
    let read = "import plistlib,json,sys; print(json.dumps(plistlib.load(open(sys.argv[1],'rb'))))";
    let output =
        Command::new("python3").args(["-c", read]).arg(agent).current_dir(home.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let agent: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        agent["ProgramArguments"],
        serde_json::json!(["/usr/bin/potluck", "--daemon", "--directory", "HOME/potluck"])
    );
    assert_eq!(agent["RunAtLoad"], true);
}

#[test]
fn the_package_has_what_a_debian_system_wants() {
    if !["dpkg-deb", "dpkg-shlibdeps"].into_iter().all(is_there) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    // It writes its manual pages.
    let program = assert_cmd::cargo::cargo_bin!("potluck");
    let program = program.to_str().unwrap();
    let said = shell("package", dir.path(), &["--binary", program, "--out", dir.path().to_str().unwrap()]);
    let package = said.trim_end();
    let tell = |arguments: &[&str]| {
        let output = Command::new("dpkg-deb").args(arguments).arg(package).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let control = tell(&["--field"]);
    let version = env!("CARGO_PKG_VERSION");
    for line in ["Package: potluck", &format!("Version: {version}"), "Depends: libc6"] {
        assert!(control.contains(line), "{line}: {control}");
    }
    let listed = tell(&["--contents"]);
    for path in [
        "./usr/bin/potluck",
        "./usr/lib/systemd/system/potluck.service",
        "./usr/lib/systemd/user/potluck.service",
        "./usr/share/man/man1/potluck.1.gz",
        "./usr/share/man/man1/potluck-download.1.gz",
        "./usr/share/bash-completion/completions/potluck",
        "./usr/share/zsh/vendor-completions/_potluck",
        "./usr/share/fish/vendor_completions.d/potluck.fish",
        "./usr/share/doc/potluck/copyright",
    ] {
        let line = listed.lines().find(|line| line.ends_with(path));
        let line = line.unwrap_or_else(|| panic!("{path}: {listed}"));
        assert!(line.contains("root/root"), "{line}");
    }
    for script in ["postinst", "prerm", "postrm"] {
        assert!(
            Command::new("sh")
                .arg("-n")
                .arg(root().join("scripts/packaging").join(script))
                .status()
                .unwrap()
                .success()
        );
    }
}
