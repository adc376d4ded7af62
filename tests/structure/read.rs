//! Reads files into a [`Tree`].

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Spacing, TokenStream, TokenTree};
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{Attribute, Expr, Fields, FnArg, ImplItem, Item, Lit, Meta, Stmt, TraitItem, Type, UseTree};

use crate::tree::{Comment, File, Function, How, InherentImpl, Mention, Module, Named, Tree, TypeItem};

/// The macro that holds the table of commands.
const TABLE: &str = "for_each_command";

/// The modules that the table of commands names: `list: List(ListRequest),` is a line of it.
pub(crate) fn table(texts: &BTreeMap<String, String>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for text in texts.values().filter(|text| text.contains(&format!("macro_rules! {TABLE}"))) {
        for item in syn::parse_file(text).unwrap().items {
            if let Item::Macro(item) = item
                && item.ident.is_some_and(|ident| ident == TABLE)
            {
                lines_of_table(item.mac.tokens, &mut names);
            }
        }
    }
    names
}

/// Words with a colon behind them that are no parameters of a macro (`$callback:ident`).
fn lines_of_table(tokens: TokenStream, names: &mut BTreeSet<String>) {
    let (mut word, mut is_parameter) = (None, false);
    for token in tokens {
        match token {
            TokenTree::Group(group) => lines_of_table(group.stream(), names),
            TokenTree::Ident(ident) => {
                word = (!is_parameter).then(|| ident.to_string());
                is_parameter = false;
                continue;
            }
            // The first half of `::` is joined to the second.
            TokenTree::Punct(punct) if punct.as_char() == ':' && punct.spacing() == Spacing::Alone => {
                names.extend(word.take());
            }
            TokenTree::Punct(punct) => is_parameter = punct.as_char() == '$',
            TokenTree::Literal(_) => {}
        }
        word = None;
    }
}

/// Reads the file of one module, and the files of all modules below it.
pub(crate) fn file(
    tree: &mut Tree,
    texts: &BTreeMap<String, String>,
    path: &str,
    module: Vec<String>,
    parent: Option<usize>,
) -> usize {
    let text = texts.get(path).unwrap_or_else(|| panic!("{path} is missing"));
    let parsed = syn::parse_file(text).unwrap_or_else(|e| panic!("{path}:{}: {e}", e.span().start().line));
    let head = parsed.attrs.iter().filter_map(doc).collect::<Vec<_>>().join("\n");
    tree.files.push(File { path: path.to_owned(), head, lines: text.lines().count() });
    let file = tree.files.len() - 1;
    let index = new_module(tree, module, file, parent);
    let mut reader =
        Reader { tree, texts, file, module: index, folder: folder_of(path), last_doc: None, owner: None };
    reader.visit_file(&parsed);
    if parsed.items.iter().any(declares_by_table) {
        reader.modules_of_table();
    }
    index
}

fn new_module(tree: &mut Tree, path: Vec<String>, file: usize, parent: Option<usize>) -> usize {
    let (names, globs) = Default::default();
    tree.modules.push(Module { path, file, parent, names, globs });
    tree.modules.len() - 1
}

/// The folder in which the files of a file's modules lie.
fn folder_of(path: &str) -> String {
    let (folder, name) = path.rsplit_once('/').unwrap();
    match name {
        "lib.rs" | "main.rs" | "mod.rs" => folder.to_owned(),
        name => format!("{folder}/{}", name.strip_suffix(".rs").unwrap()),
    }
}

/// True for a use of the table of commands, of which macros make the modules of a file.
fn declares_by_table(item: &Item) -> bool {
    matches!(item, Item::Macro(call) if call.mac.path.is_ident(TABLE))
}

/// The text of a documentation comment.
fn doc(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else { return None };
    let Expr::Lit(value) = &pair.value else { return None };
    match &value.lit {
        Lit::Str(text) if pair.path.is_ident("doc") => Some(text.value()),
        _ => None,
    }
}

/// Whether a condition (`cfg`) holds in the product: what is not known, such as a system, may hold or not.
fn holds(condition: &Meta) -> Option<bool> {
    match condition {
        Meta::Path(path) if path.is_ident("test") => Some(false),
        Meta::List(list) => {
            let commas = syn::punctuated::Punctuated::<Meta, syn::Token![,]>::parse_terminated;
            let parts: Vec<_> = list.parse_args_with(commas).ok()?.iter().map(holds).collect();
            let all = |value| parts.iter().all(|p| *p == Some(value));
            let any = |value| parts.contains(&Some(value));
            match list.path.get_ident()?.to_string().as_str() {
                "not" => parts.first()?.map(|p| !p),
                "all" if any(false) => Some(false),
                "all" if all(true) => Some(true),
                "any" if any(true) => Some(true),
                "any" if all(false) => Some(false),
                _ => None,
            }
        }
        _ => None,
    }
}

/// True for what is compiled for tests alone.
fn for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|a| {
        a.path().is_ident("test")
            || a.path().is_ident("cfg")
                && a.parse_args::<Meta>().is_ok_and(|condition| holds(&condition) == Some(false))
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(i) => &i.attrs,
        Item::Enum(i) => &i.attrs,
        Item::Fn(i) => &i.attrs,
        Item::Impl(i) => &i.attrs,
        Item::Macro(i) => &i.attrs,
        Item::Mod(i) => &i.attrs,
        Item::Static(i) => &i.attrs,
        Item::Struct(i) => &i.attrs,
        Item::Trait(i) => &i.attrs,
        Item::Type(i) => &i.attrs,
        Item::Union(i) => &i.attrs,
        Item::Use(i) => &i.attrs,
        _ => &[],
    }
}

/// The attributes of an expression that can stand as a statement.
fn attributes_of(expression: &Expr) -> &[Attribute] {
    match expression {
        Expr::Block(e) => &e.attrs,
        Expr::Call(e) => &e.attrs,
        Expr::If(e) => &e.attrs,
        Expr::Macro(e) => &e.attrs,
        Expr::Match(e) => &e.attrs,
        Expr::MethodCall(e) => &e.attrs,
        _ => &[],
    }
}

fn segments(path: &syn::Path) -> Vec<String> {
    let outside = path.leading_colon.map(|_| String::new());
    outside.into_iter().chain(path.segments.iter().map(|s| s.ident.to_string())).collect()
}

fn is_tuple(kind: &Type) -> bool {
    match kind {
        Type::Tuple(tuple) => !tuple.elems.is_empty(),
        Type::Reference(inner) => is_tuple(&inner.elem),
        Type::Paren(inner) => is_tuple(&inner.elem),
        Type::Group(inner) => is_tuple(&inner.elem),
        _ => false,
    }
}

struct Reader<'t> {
    tree: &'t mut Tree,
    texts: &'t BTreeMap<String, String>,
    file: usize,
    module: usize,
    /// Where the files of modules lie that are declared here.
    folder: String,
    /// The line of the last documentation comment: the next one belongs to it if it is the next line.
    last_doc: Option<usize>,
    /// The type, trait or constant whose definition is being read.
    owner: Option<String>,
}

impl Reader<'_> {
    fn name(&mut self, name: String, stands_for: Named) {
        let known = self.tree.modules[self.module].names.entry(name).or_default();
        if !known.contains(&stands_for) {
            known.push(stands_for);
        }
    }

    fn mention(&mut self, path: Vec<String>, line: usize, how: How) {
        self.tree.mentions.push(Mention { module: self.module, path, line, how, owner: self.owner.clone() });
    }

    fn kind(&mut self, ident: &syn::Ident, fields: usize) {
        let line = ident.span().start().line;
        self.tree.types.push(TypeItem { module: self.module, line, name: ident.to_string(), fields });
    }

    /// A module: its file, or what stands between its braces.
    fn submodule(&mut self, item: &syn::ItemMod) {
        let name = item.ident.to_string();
        let path: Vec<_> =
            self.tree.modules[self.module].path.iter().cloned().chain([name.clone()]).collect();
        let folder = format!("{}/{name}", self.folder);
        assert!(!item.attrs.iter().any(|a| a.path().is_ident("path")), "{folder}: a module with a path");
        let index = if let Some((_, items)) = &item.content {
            let index = new_module(self.tree, path, self.file, Some(self.module));
            let outside = (self.module, std::mem::replace(&mut self.folder, folder));
            self.module = index;
            items.iter().for_each(|i| self.visit_item(i));
            (self.module, self.folder) = outside;
            index
        } else {
            let alone = format!("{folder}.rs");
            let at = if self.texts.contains_key(&alone) { alone } else { format!("{folder}/mod.rs") };
            file(self.tree, self.texts, &at, path, Some(self.module))
        };
        self.name(name, Named::Module(index));
    }

    /// The modules that the table declares in this one. What they show can be named in this module, too.
    fn modules_of_table(&mut self) {
        for name in self.tree.table.clone() {
            let at = format!("{}/{name}.rs", self.folder);
            let front = self.tree.modules[self.module].path.iter().cloned();
            let path: Vec<_> = front.chain([name.clone()]).collect();
            let index = file(self.tree, self.texts, &at, path, Some(self.module));
            self.name(name.clone(), Named::Module(index));
            self.tree.modules[self.module].globs.push(vec!["self".to_owned(), name]);
        }
    }

    /// Marks the files of a module that only tests have.
    fn tests(&mut self, item: &syn::ItemMod) {
        if item.content.is_none() {
            let folder = format!("{}/{}", self.folder, item.ident);
            let (alone, below) = (format!("{folder}.rs"), format!("{folder}/"));
            let files = self.texts.keys().filter(|p| **p == alone || p.starts_with(&below));
            self.tree.tests.extend(files.cloned());
        }
    }

    fn imports(&mut self, tree: &UseTree, front: &[String]) {
        let line = tree.span().start().line;
        let with = |name: &syn::Ident| match name.to_string().as_str() {
            "self" if !front.is_empty() => front.to_vec(),
            name => [front, &[name.to_owned()]].concat(),
        };
        match tree {
            UseTree::Path(path) => self.imports(&path.tree, &with(&path.ident)),
            UseTree::Group(group) => group.items.iter().for_each(|t| self.imports(t, front)),
            UseTree::Glob(_) => {
                self.mention(front.to_vec(), line, How::Glob);
                self.tree.modules[self.module].globs.push(front.to_vec());
            }
            UseTree::Name(name) => self.import(with(&name.ident), None, line),
            UseTree::Rename(rename) => {
                self.import(with(&rename.ident), Some(rename.rename.to_string()), line);
            }
        }
    }

    fn import(&mut self, path: Vec<String>, alias: Option<String>, line: usize) {
        let name = alias.unwrap_or_else(|| path.last().unwrap().clone());
        if name != "_" {
            self.name(name, Named::Use(path.clone()));
        }
        self.mention(path, line, How::Use);
    }

    /// The paths between the brackets of a macro, which need not be Rust.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let (mut line, mut colons) = (0, 0);
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 || path.is_empty() {
                        self.end_of_path(&mut path, line);
                        line = ident.span().start().line;
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => {
                    self.end_of_path(&mut path, line);
                    colons = 0;
                    self.tokens(group.stream());
                }
                _ => {
                    self.end_of_path(&mut path, line);
                    colons = 0;
                }
            }
        }
        self.end_of_path(&mut path, line);
    }

    fn end_of_path(&mut self, path: &mut Vec<String>, line: usize) {
        if !path.is_empty() {
            self.mention(std::mem::take(path), line, How::Inline);
        }
    }

    fn function(&mut self, signature: &syn::Signature, whole: proc_macro2::Span) {
        let line = signature.span().start().line;
        let tuples =
            signature.inputs.iter().filter(|i| matches!(i, FnArg::Typed(p) if is_tuple(&p.ty))).count();
        let (name, lines) = (signature.ident.to_string(), whole.end().line + 1 - line);
        self.tree.functions.push(Function { file: self.file, line, name, lines, tuples });
    }

    /// The types that a macro of this file makes here, as far as it gives them their names.
    fn types_of_macro(&mut self, tokens: TokenStream) {
        let mut is_named = false;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) if is_named => {
                    self.name(ident.to_string(), Named::Item);
                    self.tree.values.insert((self.module, ident.to_string()));
                    is_named = false;
                }
                TokenTree::Ident(ident) => is_named = ident == "struct" || ident == "enum",
                TokenTree::Group(group) => self.types_of_macro(group.stream()),
                _ => is_named = false,
            }
        }
    }

    /// What an item is called here; modules and imports name themselves.
    fn names_of(&mut self, item: &Item) {
        let ident = match item {
            Item::Const(i) => &i.ident,
            Item::Enum(i) => &i.ident,
            Item::Fn(i) => &i.sig.ident,
            Item::Static(i) => &i.ident,
            Item::Struct(i) => &i.ident,
            Item::Trait(i) => &i.ident,
            Item::Type(i) => &i.ident,
            Item::Union(i) => &i.ident,
            _ => return,
        };
        self.name(ident.to_string(), Named::Item);
        if !matches!(item, Item::Fn(_) | Item::Static(_)) && self.owner.is_none() {
            self.owner = Some(ident.to_string());
            self.tree.values.insert((self.module, ident.to_string()));
        }
    }
}

impl<'a> Visit<'a> for Reader<'_> {
    fn visit_item(&mut self, item: &'a Item) {
        if for_tests(attributes(item)) {
            if let Item::Mod(module) = item {
                self.tests(module);
            }
            return;
        }
        let outside = self.owner.clone();
        self.names_of(item);
        match item {
            Item::Mod(module) => {
                module.attrs.iter().for_each(|a| self.visit_attribute(a));
                return self.submodule(module);
            }
            Item::Use(import) => {
                let outside = import.leading_colon.map(|_| vec![String::new()]);
                return self.imports(&import.tree, &outside.unwrap_or_default());
            }
            Item::Fn(function) => self.function(&function.sig, function.block.span()),
            Item::Macro(item) if item.ident.is_some() => self.types_of_macro(item.mac.tokens.clone()),
            Item::Struct(item) => {
                let fields = match &item.fields {
                    Fields::Unit => 0,
                    fields => fields.len(),
                };
                self.kind(&item.ident, fields);
            }
            Item::Enum(item) => self.kind(&item.ident, 0),
            Item::Trait(item) => self.kind(&item.ident, 0),
            Item::Type(item) => self.kind(&item.ident, 0),
            Item::Impl(item) if item.trait_.is_none() => {
                if let Type::Path(of) = &*item.self_ty {
                    let product = |i: &&ImplItem| matches!(i, ImplItem::Fn(f) if !for_tests(&f.attrs));
                    let methods = item.items.iter().filter(product).count();
                    let of = segments(&of.path);
                    self.tree.impls.push(InherentImpl { module: self.module, of, methods });
                }
            }
            _ => {}
        }
        visit::visit_item(self, item);
        self.owner = outside;
    }

    fn visit_impl_item(&mut self, item: &'a ImplItem) {
        if let ImplItem::Fn(function) = item {
            if for_tests(&function.attrs) {
                return;
            }
            self.function(&function.sig, function.block.span());
        }
        visit::visit_impl_item(self, item);
    }

    fn visit_trait_item(&mut self, item: &'a TraitItem) {
        if let TraitItem::Fn(function) = item {
            if for_tests(&function.attrs) {
                return;
            }
            self.function(&function.sig, function.span());
        }
        visit::visit_trait_item(self, item);
    }

    fn visit_field(&mut self, field: &'a syn::Field) {
        if !for_tests(&field.attrs) {
            visit::visit_field(self, field);
        }
    }

    fn visit_stmt(&mut self, statement: &'a Stmt) {
        let attributes = match statement {
            Stmt::Local(local) => &local.attrs[..],
            Stmt::Macro(call) => &call.attrs,
            Stmt::Expr(expression, _) => attributes_of(expression),
            Stmt::Item(_) => &[],
        };
        if !for_tests(attributes) {
            visit::visit_stmt(self, statement);
        }
    }

    fn visit_attribute(&mut self, attribute: &'a Attribute) {
        let line = attribute.span().start().line;
        if let Some(text) = doc(attribute) {
            if self.last_doc.is_none_or(|last| line != last + 1) {
                self.tree.comments.push(Comment { file: self.file, line, text: text.trim().to_owned() });
            }
            self.last_doc = Some(line);
        } else if let Meta::List(list) = &attribute.meta {
            self.tokens(list.tokens.clone());
        }
    }

    fn visit_expr_method_call(&mut self, call: &'a syn::ExprMethodCall) {
        let line = call.method.span().start().line;
        self.tree.calls.push((self.module, line, call.method.to_string()));
        visit::visit_expr_method_call(self, call);
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        self.mention(segments(path), path.span().start().line, How::Inline);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'a syn::Macro) {
        self.mention(segments(&call.path), call.path.span().start().line, How::Inline);
        self.tokens(call.tokens.clone());
    }
}
