//! docs/COMMANDS.md is what the definitions say: the help of all commands as the program prints it, and the
//! JSON objects as src/control/ defines them (read with the crate syn).
#![expect(clippy::unwrap_used, reason = "helpers of tests, which may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use syn::{
    Attribute, Expr, Field, Fields, GenericArgument, Item, ItemEnum, Lit, Meta, PathArguments, Type, Variant,
};

const DOCUMENT: &str = "docs/COMMANDS.md";

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
    const SHARED: [&str; 6] =
        ["-d, --directory", "--json", "-v, --verbose", "--bell", "--no-progress", "-h, --help"];
    let is_own = |line: &&str| !SHARED.iter().any(|flag| line.trim_start().starts_with(flag));
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

/// All of src/control/, and failures, by their names.
fn definitions() -> BTreeMap<String, Definition> {
    let mut all = BTreeMap::new();
    let control = fs::read_dir(root().join("src/control")).unwrap().map(|entry| entry.unwrap().path());
    for path in control.chain([root().join("src/error.rs")]) {
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
    if let Type::Array(array) = kind {
        return format!("list of {}", json(&array.elem));
    }
    match name_of(kind) {
        (name, Some(inner)) if name == "Option" => format!("{} or null", json(inner)),
        (name, Some(inner)) if name == "Vec" => format!("list of {}", json(inner)),
        (name, Some(inner)) if name == "Box" => json(inner),
        (name, _) => match name.as_str() {
            "String" | "PathBuf" | "SendPath" => "text".to_owned(),
            "bool" => "true or false".to_owned(),
            "CopiesWanted" => "number or null".to_owned(),
            "u8" | "u16" | "u32" | "u64" | "i64" => "number".to_owned(),
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

/// Types whose fields stand among those of others.
fn groups(all: &BTreeMap<String, Definition>) -> BTreeSet<String> {
    let structs = all.values().filter_map(|d| if let Definition::Struct(s) = d { Some(s) } else { None });
    let flattened = structs.flat_map(|s| &s.fields).filter(|field| serde(&field.attrs).contains("flatten"));
    flattened.map(|field| name_of(&field.ty).0).collect()
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
            let names = fields.iter().map(|f| (f.ident.as_ref().unwrap(), json(&f.ty)));
            names.map(|(name, kind)| format!("`{name}`: {kind}")).collect::<Vec<_>>().join(", ")
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

/// What is asked, what is answered, and the objects in the answers.
fn objects() -> String {
    let all = definitions();
    let mut text = "\n## JSON of what is asked\n".to_owned();
    for (name, definition) in all.iter().filter(|(name, _)| name.ends_with("Request") && *name != "Request") {
        let command = snake(name.trim_end_matches("Request"));
        let Definition::Struct(item) = definition else { panic!("{name}") };
        write!(text, "\n### \"command\": \"{command}\"\n{}", table(&item.fields, &all)).unwrap();
    }
    let Some(Definition::Enum(replies)) = all.get("Reply") else { panic!("no Reply") };
    write!(text, "\n## JSON of what is answered\n\n{}", variants(replies, "reply")).unwrap();
    text += "\n## Objects\n";
    let groups = groups(&all);
    let is_row = |name: &&String| {
        let is_told = name.ends_with("Request") || ["Reply", "Call"].contains(&name.as_str());
        !is_told && !groups.contains(*name)
    };
    for name in all.keys().filter(is_row) {
        write!(text, "\n### {name}\n\n{}", object(&all[name], &all)).unwrap();
    }
    text
}

#[test]
fn the_reference_is_what_the_definitions_say() {
    let path = root().join(DOCUMENT);
    let text = fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BOUNDS[0]).expect("the document has a reference");
    let (there, after) = rest.split_once(BOUNDS[1]).expect("the reference has an end");
    let made = format!("{}{}\n", commands_and_settings(), objects());
    if std::env::var_os("POTLUCK_WRITE").is_some() {
        fs::write(&path, [before, BOUNDS[0], &made, BOUNDS[1], after].concat()).unwrap();
        return;
    }
    assert!(
        there == made,
        "the definitions and {DOCUMENT} differ: look at what other documents say of it, then run\n\
         POTLUCK_WRITE=1 cargo test --test reference"
    );
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
    ] {
        assert!(made.contains(there), "{there}");
    }
    // What is only typed, and groups of fields, do not show in JSON.
    for absent in ["| `no_wait`", "| `sharing`", "### Sharing"] {
        assert!(!made.contains(absent), "{absent}");
    }
}
