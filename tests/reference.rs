//! docs/COMMANDS.md is what the definitions say: the help of all commands as the program prints it. So is docs/JSON.md:
//! all objects as src/control/ and src/cli/ define them (read with the crate syn), and the words in them.
#![expect(clippy::unwrap_used, reason = "helpers of tests, which may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use syn::{
    Attribute, Expr, Field, Fields, GenericArgument, Item, ItemEnum, Lit, Meta, PathArguments, Type, Variant,
};

const COMMANDS: &str = "docs/COMMANDS.md";
const JSON: &str = "docs/JSON.md";

/// What is written as JSON beside what src/control/ has.
const ELSEWHERE: [&str; 3] = ["src/error.rs", "src/cli/local_answer.rs", "src/cli/log_lines.rs"];

/// Types of which no object is ever printed: requests, a part of one, and what is read from files.
const NOT_PRINTED: [&str; 6] =
    ["Reply", "LocalReply", "Call", "Versioned", "RememberedShare", "FailureObject"];

/// What is made stands between these two.
const BOUNDS: [&str; 2] = ["<!-- reference: made by tests/reference.rs -->\n", "<!-- end of reference -->"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// What `potluck help [ABOUT]` prints.
fn help(about: Option<&str>) -> String {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("potluck"));
    let out = command.arg("help").args(about).env_remove("COLUMNS").stdin(Stdio::null()).output().unwrap();
    assert!(out.status.success(), "{about:?}");
    String::from_utf8(out.stdout).unwrap()
}

/// The commands by their names, as the help of all of them has them.
fn commands(overview: &str) -> Vec<String> {
    let section = overview.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    section.lines().map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

/// The help of all commands, and of each.
fn commands_and_settings() -> String {
    let overview = help(None);
    let mut text = format!("\n## Settings\n\n```text\n{}\n```\n\n## Commands\n", overview.trim_end());
    for command in commands(&overview) {
        let help = help(Some(&command));
        let (about, usage) = help.split_once("\n\n").unwrap();
        write!(text, "\n### {command}\n\n{about}\n\n```text\n{}\n```\n", own(usage)).unwrap();
    }
    text
}

/// The help of a command without the flags that all commands have.
fn own(usage: &str) -> String {
    const SHARED: [&str; 9] = [
        "-d, --directory",
        "-C, --chdir",
        "--once",
        "--json",
        "-q, --quiet",
        "-v, --verbose",
        "--bell",
        "--no-progress",
        "-h, --help",
    ];
    let mut is_shared = false;
    let is_own = |line: &&str| {
        let words = line.trim_start();
        // What is long goes on below, where the words of the others begin.
        let goes_on = is_shared && line.len() - words.len() > 10;
        is_shared = goes_on || SHARED.iter().any(|flag| words.starts_with(flag));
        !is_shared
    };
    let text = usage.lines().filter(is_own).collect::<Vec<_>>().join("\n");
    let text = text.trim_end().trim_end_matches("Options:").trim_end();
    // Examples may stand below flags of which none is left.
    text.replace("\n\nOptions:\n\n", "\n\n")
}

/// A struct or an enum that goes over the control socket.
enum Definition {
    Struct(syn::ItemStruct),
    Enum(ItemEnum),
}

/// All that is written as JSON, by their names.
fn definitions() -> BTreeMap<String, Definition> {
    let mut all = BTreeMap::new();
    let control = fs::read_dir(root().join("src/control")).unwrap().map(|entry| entry.unwrap().path());
    for path in control.chain(ELSEWHERE.map(|path| root().join(path))) {
        if path.extension().is_none_or(|e| e != "rs") {
            continue;
        }
        for item in syn::parse_file(&fs::read_to_string(path).unwrap()).unwrap().items {
            match item {
                // What wraps one value is that value in JSON.
                Item::Struct(item) if matches!(item.fields, Fields::Unnamed(_)) => {}
                Item::Struct(item) if derives(&item.attrs, "Serialize") => {
                    all.insert(item.ident.to_string(), Definition::Struct(item));
                }
                Item::Enum(item) if derives(&item.attrs, "Serialize") => {
                    all.insert(item.ident.to_string(), Definition::Enum(item));
                }
                _ => {}
            }
        }
    }
    all
}

fn derives(attributes: &[Attribute], what: &str) -> bool {
    let mut lists = attributes.iter().filter(|a| a.path().is_ident("derive")).filter_map(list);
    lists.any(|text| text.split(',').any(|name| name.trim() == what))
}

/// What stands between the brackets of an attribute.
fn list(attribute: &Attribute) -> Option<String> {
    match &attribute.meta {
        Meta::List(list) => Some(list.tokens.to_string()),
        _ => None,
    }
}

/// What is said of serde: `flatten`, `skip`, `rename = "x"` and the like.
fn serde(attributes: &[Attribute]) -> String {
    let all = attributes.iter().filter(|a| a.path().is_ident("serde")).filter_map(list);
    all.collect::<Vec<_>>().join(", ")
}

/// The name that serde gives instead of `name`.
fn renamed(attributes: &[Attribute], name: String) -> String {
    let serde = serde(attributes);
    match serde.split_once("rename = \"") {
        Some((_, rest)) => rest.split('"').next().unwrap().to_owned(),
        None => name,
    }
}

/// The documentation of an item as one line, without links to other items.
fn doc(attributes: &[Attribute]) -> String {
    let mut lines = Vec::new();
    for attribute in attributes {
        if let Meta::NameValue(pair) = &attribute.meta
            && let Expr::Lit(value) = &pair.value
            && let Lit::Str(text) = &value.lit
            && pair.path.is_ident("doc")
        {
            lines.push(text.value().trim().to_owned());
        }
    }
    let text = lines.join(" ").replace("[`", "`").replace("`]", "`").replace('|', "\\|");
    // What a link leads to stands in brackets behind its text.
    let mut parts = text.split("`(");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| all + "`" + part.split_once(')').map_or(part, |(_, rest)| rest))
}

fn snake(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.extend(c.to_lowercase());
    }
    text
}

/// The last name of a type's path, and what stands between its angle brackets.
fn name_of(kind: &Type) -> (String, Option<&Type>) {
    let Type::Path(path) = kind else { return (String::new(), None) };
    let last = path.path.segments.last().unwrap();
    let inner = match &last.arguments {
        PathArguments::AngleBracketed(list) => list.args.first(),
        _ => None,
    };
    let inner =
        inner.and_then(|argument| if let GenericArgument::Type(t) = argument { Some(t) } else { None });
    (last.ident.to_string(), inner)
}

/// A type as JSON has it.
fn json(kind: &Type) -> String {
    match kind {
        Type::Array(array) => return format!("list of {}", json(&array.elem)),
        Type::Reference(to) => return json(&to.elem),
        _ => {}
    }
    match name_of(kind) {
        (name, Some(inner)) if name == "Option" => format!("{} or null", json(inner)),
        (name, Some(inner)) if name == "Vec" => format!("list of {}", json(inner)),
        (name, Some(inner)) if name == "Box" => json(inner),
        (name, _) => match name.as_str() {
            "String" | "PathBuf" | "SendPath" | "str" => "text".to_owned(),
            "bool" => "true or false".to_owned(),
            "CopiesWanted" => "number or null".to_owned(),
            "u8" | "u16" | "u32" | "u64" | "i64" | "usize" => "number".to_owned(),
            other => format!("[{other}](#{})", other.to_lowercase()),
        },
    }
}

/// One row for each field; those of a group stand beside the others.
fn rows(fields: &Fields, all: &BTreeMap<String, Definition>, text: &mut String) {
    for Field { attrs, ident, ty, .. } in fields {
        let serde = serde(attrs);
        if serde.contains("flatten") {
            let Some(Definition::Struct(group)) = all.get(&name_of(ty).0) else { panic!("{serde}") };
            rows(&group.fields, all, text);
        } else if !serde.contains("skip") || serde.contains("skip_serializing_if") {
            let name = renamed(attrs, ident.as_ref().unwrap().to_string());
            let left_out = if serde.contains("skip_serializing_if") { ", or left out" } else { "" };
            let kind = json(ty).replace(" or null", if left_out.is_empty() { " or null" } else { "" });
            writeln!(text, "| `{name}` | {kind}{left_out} | {} |", doc(attrs)).unwrap();
        }
    }
}

/// Types whose fields stand among those of others, with these others.
fn groups(all: &BTreeMap<String, Definition>) -> BTreeMap<String, BTreeSet<String>> {
    let mut groups: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, definition) in all {
        let Definition::Struct(item) = definition else { continue };
        for field in item.fields.iter().filter(|field| serde(&field.attrs).contains("flatten")) {
            groups.entry(name_of(&field.ty).0).or_default().insert(name.clone());
        }
    }
    groups
}

fn table(fields: &Fields, all: &BTreeMap<String, Definition>) -> String {
    let mut text = String::new();
    rows(fields, all, &mut text);
    if text.is_empty() {
        return "\nNo fields.\n".to_owned();
    }
    format!("\n| field | type | meaning |\n| --- | --- | --- |\n{text}")
}

/// The fields of one of several things that a value may be.
fn fields_of(variant: &Variant) -> String {
    match &variant.fields {
        Fields::Unnamed(one) => format!("those of {}", json(&one.unnamed[0].ty)),
        fields => {
            let name = |field: &Field| renamed(&field.attrs, field.ident.as_ref().unwrap().to_string());
            let named = fields.iter().map(|field| format!("`{}`: {}", name(field), json(&field.ty)));
            named.collect::<Vec<_>>().join(", ")
        }
    }
}

/// One row for each thing that a value may be, with its fields. `tag`: the field that says which.
fn variants(item: &ItemEnum, tag: &str) -> String {
    let mut text = format!("| `{tag}` | meaning | fields |\n| --- | --- | --- |\n");
    for variant in &item.variants {
        let name = renamed(&variant.attrs, snake(&variant.ident.to_string()));
        writeln!(text, "| `\"{name}\"` | {} | {} |", doc(&variant.attrs), fields_of(variant)).unwrap();
    }
    text
}

/// The field that says which of several things a value is; `None`: it is a word.
fn tag(item: &ItemEnum) -> Option<String> {
    let serde = serde(&item.attrs);
    Some(serde.split_once("tag = \"")?.1.split_once('"')?.0.to_owned())
}

/// What a value of this type says: a table of fields, or the words that it may be.
fn object(definition: &Definition, all: &BTreeMap<String, Definition>) -> String {
    match definition {
        Definition::Struct(item) if serde(&item.attrs).contains("into = \"") => {
            let serde = serde(&item.attrs);
            object(&all[serde.split("into = \"").nth(1).unwrap().split('"').next().unwrap()], all)
        }
        Definition::Struct(item) => format!("{}\n{}", doc(&item.attrs), table(&item.fields, all)),
        Definition::Enum(item) if tag(item).is_some() => {
            format!("{}\n\n{}", doc(&item.attrs), variants(item, &tag(item).unwrap()))
        }
        Definition::Enum(item) => {
            let mut text = format!("{}\n\n| value | meaning |\n| --- | --- |\n", doc(&item.attrs));
            for variant in &item.variants {
                let name = renamed(&variant.attrs, snake(&variant.ident.to_string()));
                writeln!(text, "| `\"{name}\"` | {} |", doc(&variant.attrs)).unwrap();
            }
            text
        }
    }
}

/// An enum of answers.
fn answers<'a>(all: &'a BTreeMap<String, Definition>, name: &str) -> &'a ItemEnum {
    let Some(Definition::Enum(replies)) = all.get(name) else { panic!("no {name}") };
    replies
}

/// The objects that are printed, by name.
fn printed(all: &BTreeMap<String, Definition>) -> impl Iterator<Item = &String> {
    let groups = groups(all);
    all.keys().filter(move |name| {
        !name.ends_with("Request") && !NOT_PRINTED.contains(&name.as_str()) && !groups.contains_key(*name)
    })
}

/// What is asked, what is answered, the objects in the answers, and the words of all of them.
fn objects() -> String {
    let all = definitions();
    let mut text = "\n## What is answered\n".to_owned();
    write!(text, "\n{}", variants(answers(&all, "Reply"), "reply")).unwrap();
    text += "\n## What is answered without a peer\n";
    write!(text, "\n{}", variants(answers(&all, "LocalReply"), "reply")).unwrap();
    text += "\n## What is asked\n";
    for (name, definition) in all.iter().filter(|(name, _)| name.ends_with("Request") && *name != "Request") {
        let command = snake(name.trim_end_matches("Request"));
        let Definition::Struct(item) = definition else { panic!("{name}") };
        write!(text, "\n### \"command\": \"{command}\"\n{}", table(&item.fields, &all)).unwrap();
    }
    text += "\n## Objects\n";
    for name in printed(&all) {
        write!(text, "\n### {name}\n\n{}", object(&all[name], &all)).unwrap();
    }
    text + &words_table(&all)
}

/// All fields of the objects that are printed: of each the name, the type, and the object.
fn fields(all: &BTreeMap<String, Definition>) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    let mut add = |fields: &Fields, of: &str| {
        let shown = |field: &&Field| {
            let serde = serde(&field.attrs);
            field.ident.is_some()
                && !serde.contains("flatten")
                && (!serde.contains("skip") || serde.contains("skip_serializing_if"))
        };
        for field in fields.iter().filter(shown) {
            let name = renamed(&field.attrs, field.ident.as_ref().unwrap().to_string());
            found.push((name, json(&field.ty).replace(" or null", ""), of.to_owned()));
        }
    };
    let is_asked =
        |name: &str| name.ends_with("Request") || ["Call", "Versioned", "RememberedShare"].contains(&name);
    for (name, definition) in all.iter().filter(|(name, _)| !is_asked(name)) {
        match definition {
            Definition::Struct(item) if serde(&item.attrs).contains("into = ") => {}
            Definition::Struct(item) => add(&item.fields, name.trim_end_matches("Object")),
            Definition::Enum(item) => item.variants.iter().for_each(|variant| {
                add(&variant.fields, &renamed(&variant.attrs, snake(&variant.ident.to_string())));
            }),
        }
    }
    found
}

/// What the numbers of a name are counted in. What is not here is a count of things.
const UNITS: [(&str, &[&str]); 8] = [
    (
        "bytes",
        &[
            "bytes",
            "bytes_discarded",
            "bytes_hashed",
            "bytes_left",
            "bytes_received",
            "bytes_sent",
            "done",
            "fetched",
            "free",
            "free_reserve",
            "have",
            "held",
            "kept_bytes",
            "lent",
            "resumed",
            "saved_bytes",
            "size",
        ],
    ),
    ("bytes a second", &["down_limit", "speed", "up_limit"]),
    ("seconds", &["jumped", "left", "seconds", "uptime"]),
    ("milliseconds", &["millis"]),
    ("seconds since 1970", &["modified", "since", "unix"]),
    ("milliseconds since 1970", &["at", "began", "ended", "first_sent", "last_sent", "said"]),
    ("percent", &["hashed_percent"]),
    (
        "a number that names something",
        &[
            "code",
            "discovery_port",
            "first_wanted",
            "job",
            "line",
            "order",
            "own_udp",
            "port",
            "ports",
            "result_code",
            "tcp",
            "udp",
        ],
    ),
];

/// Names that are of one kind, but not of one type: each of the types is a word for what the object is about.
const SEVERAL_TYPES: [&str; 5] = ["cause", "outcome", "state", "to", "what"];

/// The unit of the numbers of a name.
fn unit(name: &str) -> &'static str {
    UNITS.iter().find(|(_, names)| names.contains(&name)).map_or("how many", |(unit, _)| unit)
}

/// The numbers by name, with their units, and where each is.
fn words_table(all: &BTreeMap<String, Definition>) -> String {
    let mut numbers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, kind, of) in fields(all) {
        if kind.contains("number") && unit(&name) != "how many" {
            numbers.entry(name).or_default().insert(of);
        }
    }
    let groups = groups(all);
    for of in numbers.values_mut() {
        *of =
            of.iter().flat_map(|of| groups.get(of).cloned().unwrap_or_else(|| [of.clone()].into())).collect();
    }
    let mut text =
        "\n## Units\n\nA number of a name that is not here says how many there are of something.\n\n"
            .to_owned();
    text += "| field | counted in | of |\n| --- | --- | --- |\n";
    for (name, of) in numbers {
        let of: Vec<String> = of.into_iter().map(|of| format!("`{of}`")).collect();
        writeln!(text, "| `{name}` | {} | {} |", unit(&name), of.join(", ")).unwrap();
    }
    text
}

/// Checks that what is made stands in the document, or writes it there.
fn check(document: &str, made: &str) {
    let path = root().join(document);
    let text = fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BOUNDS[0]).expect("the document has a reference");
    let (there, after) = rest.split_once(BOUNDS[1]).expect("the reference has an end");
    if std::env::var_os("POTLUCK_WRITE").is_some() {
        fs::write(&path, [before, BOUNDS[0], made, BOUNDS[1], after].concat()).unwrap();
        return;
    }
    assert!(
        there == made,
        "the definitions and {document} differ: look at what other documents say of it, then run\n\
         POTLUCK_WRITE=1 cargo test --test reference"
    );
}

#[test]
fn the_reference_is_what_the_definitions_say() {
    check(COMMANDS, &format!("{}\n", commands_and_settings()));
}

#[test]
fn the_schema_is_what_the_definitions_say() {
    check(JSON, &format!("{}\n", objects()));
}

#[test]
fn a_word_of_json_means_one_thing_everywhere() {
    let all = definitions();
    let mut kinds: BTreeMap<String, BTreeMap<String, Vec<String>>> = BTreeMap::new();
    for (name, kind, of) in fields(&all) {
        kinds.entry(name).or_default().entry(kind).or_default().push(of);
    }
    let mut several: Vec<_> = kinds.iter().filter(|(_, kinds)| kinds.len() > 1).collect();
    several.retain(|(name, _)| !SEVERAL_TYPES.contains(&name.as_str()));
    assert!(several.is_empty(), "these are of several types: {several:#?}");
    for name in UNITS.iter().flat_map(|(_, names)| *names).chain(&SEVERAL_TYPES) {
        assert!(kinds.contains_key(*name), "no object has a field `{name}`");
    }
    // The id of a peer is `peer`, that of a file `id`; how large something is `size`.
    for (name, meaning) in [("peer", "text"), ("id", "text"), ("size", "number"), ("version", "number")] {
        assert!(kinds.get(name).is_none_or(|kinds| kinds.keys().eq([meaning])), "{name}: {:?}", kinds[name]);
    }
    assert!(!kinds.contains_key("version"), "the line has a version: {:?}", kinds["version"]);
}

#[test]
fn the_reference_has_all_that_can_be_asked() {
    let made = [commands_and_settings(), objects()].concat();
    for there in [
        "\n### restore\n",
        "\n### \"command\": \"download\"\n",
        "| `files` | list of text |",
        "| `\"farewell\"` |",
        "[ListRow](#listrow)",
        "| `confined_why` | text, or left out |",
        "| `\"no_room\"` | Nobody has space for it",
        "--repair-after <HOURS>",
        "| `kind` | [Code](#code) |",
        "| `\"setting\"` |",
    ] {
        assert!(made.contains(there), "{there}");
    }
    // What is only typed, and groups of fields, do not show in JSON.
    for absent in ["| `no_wait`", "| `sharing`", "### Sharing", "FailureObject"] {
        assert!(!made.contains(absent), "{absent}");
    }
}
