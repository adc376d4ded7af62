//! `list` as people and scripts read it: folders, orders, copies.

use potluck::control::{ListRow, Reply};

use crate::common::{Daemon, Peer, err, out};

/// A peer that shares two folders and two files, and lists them.
fn sharer() -> (Peer, Daemon) {
    let peer = Peer::new();
    for n in 1..=12 {
        peer.share(&format!("many/part {n}.txt"), &[b'x'].repeat(n));
    }
    peer.share("many/deep/er.txt", b"deeper");
    peer.share("Tall/one.txt", &[b'y'].repeat(3_000));
    peer.share("a.txt", b"a");
    peer.share("Z.txt", b"last of all");
    let daemon = peer.daemon_with(&["--name", "owner", "--copies", "1"]);
    peer.lists(16);
    (peer, daemon)
}

/// The first words of the lines of a table.
fn paths(text: &str) -> Vec<&str> {
    text.lines().map(|line| line.split("  ").next().unwrap()).collect()
}

#[test]
fn a_folder_is_one_line_and_shows_what_lies_in_it_when_it_is_named() {
    let (peer, _daemon) = sharer();
    let ask = |words: &[&str]| out(&peer.ask(words));
    insta::assert_snapshot!(ask(&["list"]), @r"
    PATH   FILES     SIZE  COPIES  WHO   ID
    a.txt             1 B       1  mine  b3:17762fddd9
    many/     13     84 B       1  mine
    Tall/      1  2.9 KiB       1  mine
    Z.txt            11 B       1  mine  b3:9f4a634ed7
    16 files, 3.0 KiB
    ");
    insta::assert_snapshot!(ask(&["list", "many/"]), @r"
    PATH              FILES  SIZE  COPIES  WHO   ID
    many/deep/            1   6 B       1  mine
    many/part 1.txt           1 B       1  mine  b3:3ae7d805f6
    many/part 2.txt           2 B       1  mine  b3:e0fe5e3843
    many/part 3.txt           3 B       1  mine  b3:c806cdccbc
    many/part 4.txt           4 B       1  mine  b3:6818011fd5
    many/part 5.txt           5 B       1  mine  b3:6542d374ff
    many/part 6.txt           6 B       1  mine  b3:26bebb1211
    many/part 7.txt           7 B       1  mine  b3:ef807bd313
    many/part 8.txt           8 B       1  mine  b3:76224c9ae1
    many/part 9.txt           9 B       1  mine  b3:2319e1c0b4
    many/part 10.txt         10 B       1  mine  b3:82bfb0a86b
    many/part 11.txt         11 B       1  mine  b3:3f73fe2fb6
    many/part 12.txt         12 B       1  mine  b3:5ce1cd3feb
    13 files, 84 B
    ");
    assert_eq!(paths(&ask(&["list", "many/deep/"])), ["PATH", "many/deep/er.txt", "1 file, 6 B"]);
    assert_eq!(paths(&ask(&["list", "--flat"])).len(), 18);
    assert_eq!(
        paths(&ask(&["list", "--sort", "size"])),
        ["PATH", "Tall/", "many/", "Z.txt", "a.txt", "16 files, 3.0 KiB"]
    );
    // What is looked for is shown by itself, in whatever folder it lies.
    let found = ask(&["list", "part 1"]);
    let last = paths(&found)[1..5].to_vec();
    assert_eq!(last, ["many/part 1.txt", "many/part 10.txt", "many/part 11.txt", "many/part 12.txt"]);
    for nothing in ["nothing/", "nothing", "*.nothing", "b3:0000"] {
        let none = peer.ask(&["list", nothing]);
        let said = format!("potluck: nothing matches `{nothing}`; `list` shows everything\n");
        assert_eq!((none.status.code(), out(&none), err(&none)), (Some(4), String::new(), said));
    }
}

#[test]
fn a_script_gets_each_file_by_itself() {
    let (peer, _daemon) = sharer();
    let files = |words: &[&str]| {
        let replies = peer.replies(words).into_iter();
        let path = |reply| if let Reply::File(ListRow { path, .. }) = reply { Some(path) } else { None };
        replies.filter_map(path).collect::<Vec<_>>()
    };
    assert_eq!(files(&["list"]).len(), 16);
    assert_eq!(files(&["list", "many/"]).len(), 13);
    assert_eq!(files(&["list", "--sort", "size"])[..2], ["Tall/one.txt", "many/part 12.txt"]);
}
