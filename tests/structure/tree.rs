//! The sources as plain facts: files, modules, what each module calls by which name, and all that it
//! mentions. What is compiled for tests alone is left out, as are files below a folder `tests/`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use crate::read;

/// All files of a program and what they say.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub(crate) files: Vec<File>,
    pub(crate) modules: Vec<Module>,
    pub(crate) mentions: Vec<Mention>,
    pub(crate) functions: Vec<Function>,
    pub(crate) types: Vec<TypeItem>,
    pub(crate) impls: Vec<InherentImpl>,
    pub(crate) comments: Vec<Comment>,
    /// What is defined without saying what is done: module and name of types, traits and constants.
    pub(crate) values: BTreeSet<(usize, String)>,
    /// Methods called on anything: module, line and name.
    pub(crate) calls: Vec<(usize, usize, String)>,
    /// Modules that the table of commands declares wherever it is used.
    pub(crate) table: BTreeSet<String>,
    /// Files that only tests are compiled from.
    pub(crate) tests: BTreeSet<String>,
}

/// A file of the product.
#[derive(Debug)]
pub(crate) struct File {
    /// From the root of the project, such as `src/wire/frame.rs`.
    pub(crate) path: String,
    /// The comment at its head (`//!`).
    pub(crate) head: String,
    /// Lines, its tests included.
    pub(crate) lines: usize,
}

/// A module: of a file, or one written inside another one.
#[derive(Debug)]
pub(crate) struct Module {
    /// Its name and those above it, without `crate`; empty for the root.
    pub(crate) path: Vec<String>,
    pub(crate) file: usize,
    /// `None` for a root.
    pub(crate) parent: Option<usize>,
    /// What can be named in it. A name may stand for a module and a function.
    pub(crate) names: BTreeMap<String, Vec<Named>>,
    /// `use path::*`.
    pub(crate) globs: Vec<Vec<String>>,
}

/// What a name in a module stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// A module that lies in this one.
    Module(usize),
    /// Anything else that is defined here.
    Item,
    /// What a `use` brought here, by its path as it is written.
    Use(Vec<String>),
}

/// How a path came to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Use,
    Glob,
    Inline,
}

/// A path that is written in a module.
#[derive(Debug)]
pub(crate) struct Mention {
    pub(crate) module: usize,
    pub(crate) path: Vec<String>,
    pub(crate) line: usize,
    pub(crate) how: How,
    /// The type, trait or constant in whose definition it stands.
    pub(crate) owner: Option<String>,
}

/// A function with a body, or one that a trait asks for.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) file: usize,
    pub(crate) line: usize,
    pub(crate) name: String,
    /// From `fn` to the closing brace.
    pub(crate) lines: usize,
    /// Parameters that are tuples.
    pub(crate) tuples: usize,
}

/// A struct, enum, trait or type alias.
#[derive(Debug)]
pub(crate) struct TypeItem {
    pub(crate) module: usize,
    pub(crate) line: usize,
    pub(crate) name: String,
    /// Fields, of a struct.
    pub(crate) fields: usize,
}

/// `impl Type { ... }`, without a trait.
#[derive(Debug)]
pub(crate) struct InherentImpl {
    pub(crate) module: usize,
    /// The type's path as it is written.
    pub(crate) of: Vec<String>,
    pub(crate) methods: usize,
}

/// The first line of a documentation comment.
#[derive(Debug)]
pub(crate) struct Comment {
    pub(crate) file: usize,
    pub(crate) line: usize,
    pub(crate) text: String,
}

impl Tree {
    /// The sources of this project.
    pub(crate) fn of_project() -> &'static Self {
        static TREE: OnceLock<Tree> = OnceLock::new();
        TREE.get_or_init(|| {
            let root = Path::new(env!("CARGO_MANIFEST_DIR"));
            let mut texts = BTreeMap::new();
            gather(root, "src", &mut texts);
            Self::of_texts(&texts)
        })
    }

    /// The sources that a test makes up: paths and texts.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        Self::of_texts(&files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect())
    }

    /// Follows the modules from `src/lib.rs` and `src/main.rs`.
    ///
    /// # Panics
    /// If a file cannot be parsed, is missing, or belongs to no module.
    fn of_texts(texts: &BTreeMap<String, String>) -> Self {
        let mut tree = Self { table: read::table(texts), ..Self::default() };
        for root in ["src/lib.rs", "src/main.rs"] {
            if texts.contains_key(root) {
                let path = if root == "src/main.rs" { vec!["main".to_owned()] } else { Vec::new() };
                read::file(&mut tree, texts, root, path, None);
            }
        }
        let seen: BTreeSet<&str> = tree.files.iter().map(|f| f.path.as_str()).collect();
        for path in texts.keys().filter(|p| !seen.contains(p.as_str())) {
            assert!(tree.tests.contains(path), "{path} is a module of nothing");
        }
        tree.sort();
        tree
    }

    /// Puts all in the order of paths and lines, as a person looks for them.
    fn sort(&mut self) {
        let mut paths: Vec<usize> = (0..self.files.len()).collect();
        paths.sort_by_key(|file| self.files[*file].path.as_str());
        let mut ranks = vec![0; paths.len()];
        paths.iter().enumerate().for_each(|(rank, file)| ranks[*file] = rank);
        let rank_of = |module: usize| ranks[self.modules[module].file];
        self.mentions.sort_by_key(|m| (rank_of(m.module), m.line));
        self.types.sort_by_key(|t| (rank_of(t.module), t.line));
        self.functions.sort_by_key(|f| (ranks[f.file], f.line));
        self.comments.sort_by_key(|c| (ranks[c.file], c.line));
    }

    /// Where something stands, for messages.
    pub(crate) fn place(&self, file: usize, line: usize) -> String {
        format!("{}:{line}", self.files[file].path)
    }

    /// The path of the file in which a module is written.
    pub(crate) fn file_of(&self, module: usize) -> &str {
        &self.files[self.modules[module].file].path
    }

    /// A module by its whole name, such as `wire::frame`.
    pub(crate) fn name_of(&self, module: usize) -> String {
        self.modules[module].path.join("::")
    }
}

/// Reads all Rust files below a folder.
fn gather(root: &Path, folder: &str, texts: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(root.join(folder)).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{folder}/{}", entry.file_name().into_string().unwrap());
        if entry.file_type().unwrap().is_dir() {
            gather(root, &path, texts);
        } else if Path::new(&path).extension().is_some_and(|e| e == "rs") {
            let text = fs::read_to_string(root.join(&path)).unwrap();
            texts.insert(path, text);
        }
    }
}
