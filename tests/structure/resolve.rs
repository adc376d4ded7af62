//! What a path stands for: followed through aliases, `pub use` and globs to the module that defines it.

use crate::tree::{How, Mention, Named, Tree};

/// What a path was followed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A module of this project.
    Module(usize),
    /// What this module defines under this name, with what the path says behind it (a variant, a function).
    Item(usize, String),
    /// Something of another crate: its whole path, with the crate in front.
    Foreign(String),
}

/// A target, and all modules of this project that the way to it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) target: Target,
    pub(crate) through: Vec<usize>,
}

/// The library, as the program beside it writes it.
const OWN: &str = "potluck";

const PRIMITIVE: [&str; 17] = [
    "bool", "char", "f32", "f64", "i128", "i16", "i32", "i64", "i8", "isize", "str", "u128", "u16", "u32",
    "u64", "u8", "usize",
];

impl Tree {
    /// All that a mention stands for: a name may be that of a module and of a function. Nothing, if it is a
    /// variable, a generic parameter or something that every program knows.
    pub(crate) fn resolve(&self, mention: &Mention) -> Vec<Found> {
        let mut search = Search { tree: self, under_way: Vec::new(), found: Vec::new() };
        let is_import = mention.how != How::Inline;
        search.path(mention.module, &mention.path, is_import, &mut Vec::new());
        search.found
    }

    /// The module that defines a type, and its name there, as an `impl` in `module` names it.
    pub(crate) fn definition(&self, module: usize, path: &[String]) -> Option<(usize, String)> {
        let mut search = Search { tree: self, under_way: Vec::new(), found: Vec::new() };
        search.path(module, path, false, &mut Vec::new());
        search.found.into_iter().find_map(|f| match f.target {
            Target::Item(module, name) => Some((module, name)),
            _ => None,
        })
    }
}

struct Search<'t> {
    tree: &'t Tree,
    /// Imports that are being followed: `use log;` names itself.
    under_way: Vec<(usize, String)>,
    found: Vec<Found>,
}

impl Search<'_> {
    /// Follows a path as it is written in a module.
    fn path(&mut self, module: usize, path: &[String], is_import: bool, through: &mut Vec<usize>) {
        let Some((first, rest)) = path.split_first() else { return };
        match first.as_str() {
            "" => self.foreign(rest, through),
            "Self" => {}
            "crate" => {
                let up = |m: &usize| self.tree.modules[*m].parent;
                let root = std::iter::successors(Some(module), up).last().unwrap();
                self.inside(root, rest, through);
            }
            OWN => self.inside(0, rest, through),
            "self" => self.inside(module, rest, through),
            "super" => {
                let parent = self.tree.modules[module].parent.unwrap();
                if rest.first().is_some_and(|s| s == "super") {
                    return self.path(parent, rest, is_import, through);
                }
                self.inside(parent, rest, through);
            }
            name => {
                if self.inside_named(module, name, rest, through) {
                    return;
                }
                let is_crate =
                    name.starts_with(|c: char| c.is_ascii_lowercase()) && !PRIMITIVE.contains(&name);
                if is_import || is_crate && !rest.is_empty() {
                    self.foreign(path, through);
                }
            }
        }
    }

    fn foreign(&mut self, path: &[String], through: &[usize]) {
        self.take(Target::Foreign(path.join("::")), through);
    }

    fn take(&mut self, target: Target, through: &[usize]) {
        let found = Found { target, through: through.to_vec() };
        if !self.found.contains(&found) {
            self.found.push(found);
        }
    }

    /// Follows the rest of a path from a module that the path named.
    fn inside(&mut self, module: usize, rest: &[String], through: &mut Vec<usize>) {
        let Some((name, behind)) = rest.split_first() else {
            return self.take(Target::Module(module), through);
        };
        through.push(module);
        if !self.inside_named(module, name, behind, through) {
            // A macro's, or one that this reader does not understand: better too much than too little.
            self.take(Target::Item(module, rest.join("::")), through);
        }
        through.pop();
    }

    /// Follows a name in a module; false if the module knows none of that name.
    fn inside_named(&mut self, module: usize, name: &str, rest: &[String], through: &mut Vec<usize>) -> bool {
        let key = (module, name.to_owned());
        if self.under_way.contains(&key) {
            return false;
        }
        self.under_way.push(key);
        let known = self.tree.modules[module].names.get(name).cloned().unwrap_or_default();
        let mut is_known = false;
        for named in known {
            match named {
                Named::Module(below) => self.inside(below, rest, through),
                Named::Item => {
                    let whole = [&[name.to_owned()], rest].concat().join("::");
                    self.take(Target::Item(module, whole), through);
                }
                Named::Use(path) => self.path(module, &[&path, rest].concat(), true, through),
            }
            is_known = true;
        }
        if !is_known {
            is_known = self.inside_globs(module, name, rest, through);
        }
        self.under_way.pop();
        is_known
    }

    fn inside_globs(&mut self, module: usize, name: &str, rest: &[String], through: &mut Vec<usize>) -> bool {
        let globs = self.tree.modules[module].globs.clone();
        globs.iter().any(|glob| {
            let mut search = Search { tree: self.tree, under_way: self.under_way.clone(), found: Vec::new() };
            search.path(module, glob, true, &mut Vec::new());
            let modules = search.found.iter().filter_map(|f| match f.target {
                Target::Module(below) => Some(below),
                _ => None,
            });
            modules.collect::<Vec<_>>().into_iter().any(|below| {
                through.push(below);
                let is_known = self.inside_named(below, name, rest, through);
                through.pop();
                is_known
            })
        })
    }
}
