//! docs/ERRORS.md has each way in which a command, a start or a file of a download can fail: it is made of the places
//! where the sources make a `Failure` (read with the crate syn), and names a test that has seen each message.
#![expect(clippy::unwrap_used, reason = "helpers of tests, which may panic")]

use core::fmt::Write as _;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use potluck::error::Code;

use syn::visit::{self, Visit};
use syn::{Attribute, Expr, ExprCall, ExprLit, ImplItemFn, ItemFn, ItemMod, Lit, Local, Pat, Stmt};

const DOCUMENT: &str = "docs/ERRORS.md";

/// What is made stands between these two.
const BOUNDS: [&str; 2] = ["<!-- errors: made by tests/errors.rs -->\n", "<!-- end of errors -->"];

/// What differs from time to time in a message.
const GAP: &str = "…";

/// Characters of a message that say which one it is.
const TELLING: usize = 9;

/// Characters that a test has of a message that it has seen, if the message has so many in one part.
const SAYING: usize = 12;

/// Messages that no test has seen. None is added.
const UNSEEN: [&str; 1] = [
    // A build without TLS 1.3 or Ed25519 is needed for it.
    "TLS cannot be used: …",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The Rust files in a folder and below it, with their paths from the root.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|a| {
        let text = match &a.meta {
            syn::Meta::List(list) => list.tokens.to_string(),
            syn::Meta::Path(path) if path.is_ident("test") => "test".to_owned(),
            _ => String::new(),
        };
        text == "test"
            || text.contains("test ,")
            || (a.path().is_ident("cfg") && text.starts_with("any (test"))
    })
}

/// True for a file that has tests alone.
fn is_test_file(path: &str) -> bool {
    path.starts_with("tests/")
        || path.contains("/tests/")
        || path.ends_with("/tests.rs")
        || path.starts_with("src/sim/")
}

/// A way to fail: its code as the sources call it, its message, and where it is made.
type Failures = BTreeSet<(String, String, String)>;

/// Looks for failures in one file.
struct Finder<'a> {
    file: &'a str,
    found: Failures,
    /// Statements of the functions and closures around, the innermost last.
    scopes: Vec<Vec<Local>>,
}

impl Finder<'_> {
    /// The messages that an expression can be.
    fn messages(&self, expr: &Expr) -> Vec<String> {
        match expr {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => vec![text.value()],
            Expr::MethodCall(call)
                if ["to_owned", "into", "to_string"].contains(&call.method.to_string().as_str()) =>
            {
                self.messages(&call.receiver)
            }
            Expr::Macro(made) if made.mac.path.is_ident("format") || made.mac.path.is_ident("concat") => {
                let tokens = made.mac.tokens.clone().into_iter().next().map(|first| first.to_string());
                let text = tokens.and_then(|first| syn::parse_str::<syn::LitStr>(&first).ok());
                vec![text.map_or_else(|| GAP.to_owned(), |text| with_gaps(&text.value()))]
            }
            Expr::Reference(to) => self.messages(&to.expr),
            Expr::Paren(inner) => self.messages(&inner.expr),
            Expr::Block(block) => {
                tail(&block.block.stmts).map_or_else(|| vec![GAP.to_owned()], |end| self.messages(end))
            }
            Expr::If(either) => {
                let mut all =
                    tail(&either.then_branch.stmts).map(|end| self.messages(end)).unwrap_or_default();
                if let Some((_, or)) = &either.else_branch {
                    all.extend(self.messages(or));
                }
                all
            }
            Expr::Match(cases) => cases.arms.iter().flat_map(|arm| self.messages(&arm.body)).collect(),
            Expr::Binary(sum) => {
                let (left, right) = (self.messages(&sum.left), self.messages(&sum.right));
                left.iter().flat_map(|l| right.iter().map(move |r| format!("{l}{r}"))).collect()
            }
            Expr::Path(path) => {
                let Some(name) = path.path.get_ident() else { return vec![GAP.to_owned()] };
                let named = |local: &&Local| matches!(&local.pat, Pat::Ident(ident) if ident.ident == *name);
                let made = self.scopes.iter().rev().find_map(|scope| scope.iter().rfind(named));
                match made.and_then(|local| local.init.as_ref()) {
                    Some(init) => self.messages(&init.expr),
                    None => vec![GAP.to_owned()],
                }
            }
            _ => vec![GAP.to_owned()],
        }
    }

    fn add(&mut self, code: &Expr, message: &Expr) {
        let code = match code {
            Expr::Path(path) if path.path.segments.len() == 2 => path.path.segments[1].ident.to_string(),
            _ => "Any".to_owned(),
        };
        for message in self.messages(message) {
            let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
            self.found.insert((code.clone(), message, self.file.to_owned()));
        }
    }
}

/// The value of a block.
fn tail(statements: &[Stmt]) -> Option<&Expr> {
    if let Some(Stmt::Expr(end, None)) = statements.last() { Some(end) } else { None }
}

/// A text of `format!`, with gaps for its values.
fn with_gaps(text: &str) -> String {
    let text = text.replace("{{", "\u{1}").replace("}}", "\u{2}");
    let mut parts = text.split('{');
    let first = parts.next().unwrap_or_default().to_owned();
    let rest = parts.map(|part| format!("{GAP}{}", part.split_once('}').map_or("", |(_, rest)| rest)));
    (first + &rest.collect::<String>()).replace('\u{1}', "{").replace('\u{2}', "}")
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if !is_test(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_block(&mut self, block: &'ast syn::Block) {
        let locals = block
            .stmts
            .iter()
            .filter_map(|s| if let Stmt::Local(local) = s { Some(local.clone()) } else { None });
        self.scopes.push(locals.collect());
        visit::visit_block(self, block);
        self.scopes.pop();
    }

    fn visit_item_const(&mut self, _: &'ast syn::ItemConst) {}

    fn visit_expr_call(&mut self, call: &'ast ExprCall) {
        if let Expr::Path(path) = &*call.func {
            let names: Vec<String> = path.path.segments.iter().map(|s| s.ident.to_string()).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let arguments: Vec<&Expr> = call.args.iter().collect();
            match (names.as_slice(), arguments.as_slice()) {
                ([.., "Failure", "new"], [code, message]) => self.add(code, message),
                ([.., "Failure", "other"], [message]) => {
                    let failed: Expr = syn::parse_quote!(Code::Failed);
                    self.add(&failed, message);
                }
                _ => {}
            }
        }
        visit::visit_expr_call(self, call);
    }
}

/// All ways to fail.
fn failures() -> Failures {
    let mut all = Failures::new();
    for (file, text) in sources("src") {
        if is_test_file(&file) || file == "src/error.rs" {
            continue;
        }
        let mut finder = Finder { file: &file, found: Failures::new(), scopes: Vec::new() };
        finder.visit_file(&syn::parse_file(&text).unwrap());
        all.extend(finder.found);
    }
    all
}

/// Collects the texts in tests, with the names of these tests.
struct TestTexts<'a> {
    file: &'a str,
    is_test: bool,
    function: Option<String>,
    texts: Vec<(String, String)>,
}

impl<'ast> Visit<'ast> for TestTexts<'_> {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        let before = self.is_test;
        self.is_test |= is_test(&item.attrs);
        visit::visit_item_mod(self, item);
        self.is_test = before;
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        let before = self.function.replace(item.sig.ident.to_string());
        visit::visit_item_fn(self, item);
        self.function = before;
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        let before = self.function.replace(item.sig.ident.to_string());
        visit::visit_impl_item_fn(self, item);
        self.function = before;
    }

    fn visit_lit_str(&mut self, text: &'ast syn::LitStr) {
        self.add(&text.value());
    }

    fn visit_macro(&mut self, made: &'ast syn::Macro) {
        self.add_tokens(made.tokens.clone());
    }

    fn visit_attribute(&mut self, _: &'ast Attribute) {}
}

impl TestTexts<'_> {
    fn add(&mut self, text: &str) {
        if self.is_test {
            let function = self.function.clone().unwrap_or_default();
            let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
            self.texts.push((words, format!("{}: {function}", self.file)));
        }
    }

    fn add_tokens(&mut self, tokens: proc_macro2::TokenStream) {
        for token in tokens {
            match token {
                proc_macro2::TokenTree::Group(group) => self.add_tokens(group.stream()),
                proc_macro2::TokenTree::Literal(literal) => {
                    if let Ok(text) = syn::parse_str::<syn::LitStr>(&literal.to_string()) {
                        self.add(&text.value());
                    }
                }
                _ => {}
            }
        }
    }
}

/// The texts in all tests, with the names of these tests.
fn test_texts() -> Vec<TestText> {
    let mut all = Vec::new();
    for (file, text) in sources("src").into_iter().chain(sources("tests")) {
        if file == "tests/errors.rs" || file.starts_with("src/sim/") {
            continue;
        }
        let is_test = is_test_file(&file);
        let mut texts = TestTexts { file: &file, is_test, function: None, texts: Vec::new() };
        texts.visit_file(&syn::parse_file(&text).unwrap());
        all.extend(texts.texts.into_iter().map(|(text, test)| {
            let pieces = with_gaps(&text);
            let pieces = pieces.split(GAP).map(str::trim).filter(|piece| piece.len() > TELLING);
            TestText { pieces: pieces.map(str::to_owned).collect(), text, test }
        }));
    }
    all
}

/// The parts of a message that are always the same and say which one it is.
fn telling(message: &str) -> Vec<&str> {
    message.split(GAP).map(str::trim).filter(|part| part.len() >= TELLING).collect()
}

/// A text of a test.
struct TestText {
    text: String,
    /// The parts of it that say something.
    pieces: Vec<String>,
    test: String,
}

/// How much of a message a text has: characters of the longest part that they have in common.
fn common(parts: &[&str], text: &TestText) -> usize {
    let has = parts.iter().filter(|part| text.text.contains(**part)).map(|part| part.len());
    let is_had = |piece: &&String| parts.iter().any(|part| part.contains(piece.as_str()));
    has.chain(text.pieces.iter().filter(is_had).map(String::len)).max().unwrap_or(0)
}

/// The test that has most of this message, if it has enough to say that it is this one.
fn test_of<'t>(message: &str, texts: &'t [TestText]) -> Option<&'t str> {
    let parts = telling(message);
    let wanted = parts.iter().map(|part| part.len()).max()?.min(SAYING);
    let each = texts.iter().map(|text| (common(&parts, text), text));
    // The first one of those that have as much.
    let best = each.collect::<Vec<_>>().into_iter().rev().max_by_key(|(common, _)| *common)?;
    (best.0 >= wanted).then_some(best.1.test.as_str())
}

/// The number and the word of a code, by the name that the sources have for it.
fn code(name: &str) -> Option<Code> {
    Code::ALL.into_iter().find(|code| format!("{code:?}") == name)
}

/// A cell of a table.
fn cell(text: &str) -> String {
    format!("`` {} ``", text.replace('|', "\\|"))
}

/// What the document says: the messages by their codes.
fn made(all: &Failures, texts: &[TestText]) -> String {
    let mut text = String::new();
    for wanted in Code::ALL.into_iter().skip(1) {
        let kind = serde_json::to_string(&wanted).unwrap();
        write!(text, "\n## {} {}\n\n{}\n\n", wanted as u8, kind.trim_matches('"'), wanted.meaning()).unwrap();
        text += "| message | made in | a test that has seen it |\n| --- | --- | --- |\n";
        let known = |(name, message, _): &&(String, String, String)| {
            code(name) == Some(wanted) && !telling(message).is_empty()
        };
        for (_, message, file) in all.iter().filter(known) {
            let test = test_of(message, texts).map_or_else(|| "none".to_owned(), |test| format!("`{test}`"));
            writeln!(text, "| {} | `{file}` | {test} |", cell(message)).unwrap();
        }
    }
    text += "\n## Passed on\n\nWhat the system or a part of potluck says, or what a failed download has of its files, as it is.\n\n";
    text += "| code | made in |\n| --- | --- |\n";
    let passed: BTreeSet<(String, &str)> = all
        .iter()
        .filter(|(name, message, _)| code(name).is_none() || telling(message).is_empty())
        .map(|(name, _, file)| {
            (
                code(name).map_or_else(|| "that of the cause".to_owned(), |code| (code as u8).to_string()),
                file.as_str(),
            )
        })
        .collect();
    for (code, file) in passed {
        writeln!(text, "| {code} | `{file}` |").unwrap();
    }
    text
}

#[test]
fn the_document_has_each_way_to_fail_and_each_new_one_has_a_test() {
    let (all, texts) = (failures(), test_texts());
    assert!(all.len() > 150, "only {} ways to fail were found", all.len());
    let told = all.iter().filter(|(name, message, _)| code(name).is_some() && !telling(message).is_empty());
    let unseen: BTreeSet<&str> = told
        .filter(|(_, message, _)| test_of(message, &texts).is_none())
        .map(|(_, message, _)| message.as_str())
        .collect();
    let known: BTreeSet<&str> = UNSEEN.into_iter().collect();
    let [new, seen] =
        [unseen.difference(&known), known.difference(&unseen)].map(|all| all.collect::<Vec<_>>());
    assert!(new.is_empty(), "these are to have a test, in tests/cli/failures.rs for instance: {new:#?}");
    assert!(
        seen.is_empty(),
        "these have a test, or are gone, and so leave the list of the others: {seen:#?}"
    );

    let path = root().join(DOCUMENT);
    let text = fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BOUNDS[0]).expect("the document has a list");
    let (there, after) = rest.split_once(BOUNDS[1]).expect("the list has an end");
    let made = format!("{}\n", made(&all, &texts));
    if std::env::var_os("POTLUCK_WRITE").is_some() {
        fs::write(&path, [before, BOUNDS[0], &made, BOUNDS[1], after].concat()).unwrap();
        return;
    }
    assert!(
        there == made,
        "the sources and {DOCUMENT} differ: look at the difference, then run\n\
         POTLUCK_WRITE=1 cargo test --test errors"
    );
}
