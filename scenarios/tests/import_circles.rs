//! No file of a crate imports another in a circle: whoever reads a file need not have read the files that use it.
//!
//! What counts as an edge from file A to file B:
//! - every path in A that begins with `crate`, `self`, `super` or a module that A declares, in a `use`, in code or
//!   inside a macro, and that leads to something in B;
//! - a path through a re-export (`pub use`) leads to the file that declares the item, not to the one that re-exports it;
//! - a path that leads to a module itself (`use crate::wire;`) leads to that module's file;
//! - a glob (`use super::*`) leads to the module's file and to all that it re-exports.
//!
//! What does not count: what stands behind `#[cfg(test)]`, `mod name;`, and the re-exports of a file that holds nothing
//! but modules and re-exports. Macros are expanded by nobody here: what they write is counted where it is written.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may stop at what it does not expect"
)]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Names of modules from the root of a crate, and perhaps of an item in the last.
type Names = Vec<String>;

/// What is known of one file.
#[derive(Default)]
struct Source {
    /// Its path inside the folder of sources.
    file: String,
    /// The modules it declares, with or without a body.
    modules: BTreeSet<String>,
    /// What it re-exports: the name, and what it stands for. A name of `*` stands for all of a module.
    exports: Vec<(String, Names)>,
    /// The paths in it, from the root.
    paths: BTreeSet<Names>,
    /// Whether there is anything in it but modules and imports.
    holds_items: bool,
}

/// The sources of a crate, each under the module it is.
#[derive(Default)]
struct Crate {
    sources: BTreeMap<Names, Source>,
    /// Modules with a body, and the module whose file they are in.
    inline: BTreeMap<Names, Names>,
}

impl Crate {
    /// Reads every file of a `src` folder.
    fn read(folder: &Path) -> Self {
        let mut found = Self::default();
        let mut folders = vec![folder.to_owned()];
        while let Some(inner) = folders.pop() {
            for entry in fs::read_dir(inner).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let file = path.strip_prefix(folder).unwrap().to_str().unwrap();
                    found.add(file, &fs::read_to_string(&path).unwrap());
                }
            }
        }
        found
    }

    /// Reads one file.
    fn add(&mut self, file: &str, text: &str) {
        let mut module: Names =
            file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
        if ["mod", "lib", "main"].contains(&module.last().unwrap().as_str()) {
            module.pop();
        }
        let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("{file}: {error}"));
        let mut source = Source { file: file.to_owned(), ..Source::default() };
        self.walk(tokens, &module, &module, true, &mut source);
        self.sources.insert(module, source);
    }

    /// Collects what `tokens` say, which stand in the module `inside` of the file `module`; `items` where they are items of a file.
    fn walk(
        &mut self,
        tokens: TokenStream,
        module: &Names,
        inside: &Names,
        items: bool,
        source: &mut Source,
    ) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        // Modules may be named before they are declared.
        for pair in tokens.windows(2) {
            if let [TokenTree::Ident(word), TokenTree::Ident(name)] = pair
                && word == "mod"
                && inside == module
            {
                source.modules.insert(name.to_string());
            }
        }
        let (mut at, mut public) = (0, false);
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token {
                TokenTree::Punct(mark) if mark.as_char() == '#' => {
                    if let Some(TokenTree::Punct(_)) = tokens.get(at) {
                        at += 1;
                    }
                    let attribute = tokens.get(at).map(ToString::to_string).unwrap_or_default();
                    at += 1;
                    if attribute.replace(' ', "") == "[cfg(test)]" {
                        at += item_len(&tokens[at..]);
                    }
                }
                TokenTree::Ident(word) if word == "pub" => {
                    public = true;
                    at += usize::from(is_group(tokens.get(at), Delimiter::Parenthesis));
                }
                TokenTree::Ident(word) if word == "mod" && items => {
                    let name = tokens.get(at).unwrap().to_string();
                    at += 2;
                    public = false;
                    if let Some(TokenTree::Group(body)) = tokens.get(at - 1) {
                        let inner = [&inside[..], &[name]].concat();
                        self.inline.insert(inner.clone(), module.clone());
                        self.walk(body.stream(), module, &inner, true, source);
                    }
                }
                TokenTree::Ident(word) if word == "use" => {
                    let end = tokens[at..].iter().position(|token| is_mark(Some(token), ';'));
                    let end = at + end.unwrap_or(0);
                    let mut names = Vec::new();
                    use_tree(&tokens[at..end], &Vec::new(), &mut names);
                    for (name, path) in names {
                        let Some(path) = from_root(&path, inside, source) else { continue };
                        if public && inside == module {
                            source.exports.push((name, path));
                        } else {
                            let all = (name == "*").then_some(name);
                            source.paths.insert(path.into_iter().chain(all).collect());
                        }
                    }
                    (at, public) = (end + 1, false);
                }
                TokenTree::Ident(word) => {
                    source.holds_items |= items;
                    let mut path = vec![word.to_string()];
                    while is_mark(tokens.get(at), ':')
                        && is_mark(tokens.get(at + 1), ':')
                        && let Some(TokenTree::Ident(next)) = tokens.get(at + 2)
                    {
                        path.push(next.to_string());
                        at += 3;
                    }
                    if path.len() > 1
                        && let Some(path) = from_root(&path, inside, source)
                    {
                        source.paths.insert(path);
                    }
                    public = false;
                }
                TokenTree::Group(group) => {
                    self.walk(group.stream(), module, inside, false, source);
                }
                _ => {}
            }
        }
    }

    /// The files a file depends on, each with a path that leads there.
    fn edges(&self, module: &Names) -> BTreeMap<&Names, String> {
        let source = &self.sources[module];
        let exports = source.exports.iter().map(|(_, path)| path).filter(|_| source.holds_items);
        let mut edges = BTreeMap::new();
        for path in source.paths.iter().chain(exports) {
            for target in self.targets(path, 0) {
                if target != module {
                    edges.entry(target).or_insert_with(|| path.join("::"));
                }
            }
        }
        edges
    }

    /// The modules whose files a path leads to: one, or several where it may be any of those that a file re-exports all of.
    fn targets(&self, path: &[String], depth: usize) -> Vec<&Names> {
        let known = |len: &usize| {
            let module = path[..*len].to_vec();
            self.sources.contains_key(&module) || self.inline.contains_key(&module)
        };
        let len = (0..=path.len()).rev().find(known).unwrap();
        let module = path[..len].to_vec();
        let module = self.inline.get(&module).unwrap_or(&module);
        let (module, source) = self.sources.get_key_value(module).unwrap();
        let Some(item) = path.get(len).filter(|_| depth < 9) else { return vec![module] };
        let all = item == "*";
        let exported = source.exports.iter().filter(|(name, _)| all || name == item || name == "*");
        let mut through: Vec<&Names> = exported
            .flat_map(|(name, there)| {
                let rest = if name == "*" { &path[len..] } else { &path[len + 1..] };
                self.targets(&[there, rest].concat(), depth + 1)
            })
            .collect();
        if all || through.is_empty() {
            through.push(module);
        }
        through
    }

    /// The shortest circle there is, a line an import.
    fn circle(&self) -> Option<String> {
        let graph: BTreeMap<&Names, BTreeMap<&Names, String>> =
            self.sources.keys().map(|module| (module, self.edges(module))).collect();
        let circles = self.sources.keys().filter_map(|start| {
            let mut came: BTreeMap<&Names, &Names> = BTreeMap::new();
            let mut queue = VecDeque::from([start]);
            while let Some(here) = queue.pop_front() {
                for next in graph[here].keys() {
                    if !came.contains_key(next) {
                        came.insert(next, here);
                        queue.push_back(next);
                    }
                }
            }
            let mut circle = vec![start];
            let mut at = *came.get(start)?;
            while at != start {
                circle.push(at);
                at = came[at];
            }
            circle.push(start);
            circle.reverse();
            Some(circle)
        });
        let circle = circles.min_by_key(Vec::len)?;
        let line = |pair: &[&Names]| {
            let [from, to] = [pair[0], pair[1]].map(|module| &self.sources[module].file);
            format!("{from} needs {to} for {}", graph[pair[0]][pair[1]])
        };
        Some(circle.windows(2).map(line).collect::<Vec<_>>().join("\n"))
    }
}

fn is_mark(token: Option<&TokenTree>, mark: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == mark)
}

fn is_group(token: Option<&TokenTree>, delimiter: Delimiter) -> bool {
    matches!(token, Some(TokenTree::Group(group)) if group.delimiter() == delimiter)
}

/// How many tokens the item has that stands in front: up to a semicolon, or its body in braces.
fn item_len(tokens: &[TokenTree]) -> usize {
    let is_end =
        |token: &TokenTree| is_mark(Some(token), ';') || is_group(Some(token), Delimiter::Brace);
    tokens.iter().position(is_end).map_or(tokens.len(), |last| last + 1)
}

/// What a `use` brings in: each name, and the path it stands for.
fn use_tree(tokens: &[TokenTree], before: &Names, names: &mut Vec<(String, Names)>) {
    let trees = tokens.split(|token| is_mark(Some(token), ','));
    // Nothing stands behind a last comma.
    for tree in trees.filter(|tree| !tree.is_empty()) {
        let mut path = before.clone();
        let mut name = None;
        let mut nested = false;
        for token in tree {
            match token {
                TokenTree::Group(group) => {
                    nested = true;
                    let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                    use_tree(&inner, &path, names);
                }
                TokenTree::Punct(mark) if mark.as_char() == '*' => name = Some("*".to_owned()),
                TokenTree::Ident(word) if word == "as" => {
                    name = tree.last().map(ToString::to_string);
                }
                TokenTree::Ident(word)
                    if name.is_none() && !(word == "self" && path.len() > before.len().min(1)) =>
                {
                    path.push(word.to_string());
                }
                _ => {}
            }
        }
        if !nested && !path.is_empty() {
            let name = name.unwrap_or_else(|| path[path.len() - 1].clone());
            names.push((name, path));
        }
    }
}

/// A path from the root of the crate; nothing where it leads out of it, or to nowhere outside its file.
fn from_root(path: &[String], inside: &Names, source: &Source) -> Option<Names> {
    let mut from = match path[0].as_str() {
        "crate" => Names::new(),
        "self" => inside.clone(),
        "super" => inside[..inside.len() - 1].to_vec(),
        name if source.modules.contains(name) => [&inside[..], &path[..1]].concat(),
        _ => return None,
    };
    for name in &path[1..] {
        if name == "super" {
            from.pop();
        } else {
            from.push(name.clone());
        }
    }
    Some(from)
}

#[test]
fn no_file_of_a_crate_needs_itself() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let manifest = fs::read_to_string(top.join("Cargo.toml")).unwrap();
    let (_, members) = manifest.split_once("members = [").unwrap();
    let members = members.split_once(']').unwrap().0.split('"').skip(1).step_by(2);
    let mut circles = String::new();
    for name in members {
        let sources = Crate::read(&top.join(name).join("src"));
        assert!(!sources.sources.is_empty(), "{name}: no files");
        if let Some(circle) = sources.circle() {
            circles.push_str(&[name, ":\n", &circle, "\n"].concat());
        }
    }
    assert!(circles.is_empty(), "circles:\n{circles}");
}

/// What is found in a crate of these files.
fn circle(files: &[(&str, &str)]) -> Option<String> {
    let mut sources = Crate::default();
    for (file, text) in files {
        sources.add(file, text);
    }
    sources.circle()
}

#[test]
fn a_circle_is_found_in_imports_in_code_in_macros_and_through_re_exports() {
    for there in [
        "use crate::a::{self, Other as Thing};",
        "fn f() -> u8 { if true { crate::a::f() } else { 1 } }",
        "fn f() { assert!(crate::a::f()) }",
        "use super::a::Thing;",
        "mod inner { use super::super::a::Thing; }",
        "use crate::Thing;",
        "use crate::*;",
    ] {
        let found = circle(&[
            ("lib.rs", "mod a; mod b; pub use a::Thing;"),
            ("a.rs", "use crate::b::f; pub struct Thing;"),
            ("b.rs", there),
        ]);
        let found = found.unwrap_or_else(|| panic!("{there}"));
        assert!(found.starts_with("a.rs needs b.rs for b::f\nb.rs needs a.rs for "), "{found}");
    }
    let parent = ("a/mod.rs", "mod b; const B: u8 = b::B; pub(crate) const C: u8 = 1;");
    let found =
        circle(&[("lib.rs", "mod a;"), parent, ("a/b.rs", "use super::C; pub const B: u8 = C;")]);
    assert_eq!(found.unwrap(), "a/mod.rs needs a/b.rs for a::b::B\na/b.rs needs a/mod.rs for a::C");
}

#[test]
fn what_is_no_circle_is_none() {
    for (a, b) in [
        ("use crate::b::f;", "#[cfg(test)] mod tests { use crate::a::Thing; }"),
        ("use crate::b::f;", "#[cfg(test)] use crate::a::Thing; pub fn f() {}"),
        ("use crate::b::f;", "// crate::a::Thing\nfn f() -> &'static str { \"crate::a::Thing\" }"),
        ("mod inner { pub fn f() {} } fn g() { inner::f() }", "use crate::a::Thing;"),
        ("use b::Thing;", "use crate::a::Thing;"),
        ("use crate::{b::f,};", "pub fn f() {}"),
    ] {
        let root = ("lib.rs", "mod a; mod b; pub use a::Thing; pub use b::f;");
        assert_eq!(circle(&[root, ("a.rs", a), ("b.rs", b)]), None, "{a} {b}");
    }
}
