//! Where scenarios come from: the catalogue embedded in the program, and the user's own files and folders.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use include_dir::{Dir, include_dir};
use protocol::registry::Registry;

use crate::layout_file::LayoutFile;
use crate::load::{LoadError, MAX_FILES, failed, read, text};
use crate::scenario::{MAX_PAYLOAD, Payloads, Scenario};

static ATTACKS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../attacks");

/// The scenarios of some files. One that cannot be read counts against itself alone.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Those without mistakes.
    pub scenarios: Vec<Scenario>,
    /// Everything that is wrong with the others.
    pub errors: Vec<LoadError>,
}

/// Scenarios by name: those that come with Meddle, those that come with the systems of a library user, and files. It knows which
/// systems a file can name.
#[derive(Clone, Copy, Debug, Default)]
pub struct Catalogue {
    /// The systems that a file can name.
    pub registry: Registry,
    /// Further scenarios: the path, such as `replay/mine.toml`, and the content of each file.
    pub own: &'static [(&'static str, &'static str)],
}

/// The scenarios that come with Meddle, by family and name, but for files with mistakes.
pub fn catalogue() -> Vec<Scenario> {
    Catalogue::default().scenarios()
}

/// The files of the built-in catalogue, by path: `replay/replay-data-in-session.toml`.
pub fn embedded_files() -> Vec<(&'static str, &'static [u8])> {
    let mut found = Vec::new();
    let mut folders = vec![&ATTACKS];
    while let Some(folder) = folders.pop() {
        folders.extend(folder.dirs());
        for file in folder.files() {
            if let Some(path) = file.path().to_str() {
                found.push((path, file.contents()));
            }
        }
    }
    found.sort_unstable();
    found
}

impl Catalogue {
    /// All of its scenarios, by family and name, but for files with mistakes.
    pub fn scenarios(self) -> Vec<Scenario> {
        self.embedded().scenarios
    }

    /// All of its scenarios, by family and name, and what is wrong with files of it.
    pub fn embedded(self) -> Loaded {
        let mut all = self.loader();
        let own = self.own.iter().map(|(path, source)| (*path, source.as_bytes()));
        for (path, content) in embedded_files().into_iter().chain(own) {
            let Some((folder, _)) = path.rsplit_once('/').filter(|_| is_toml(Path::new(path)))
            else {
                continue;
            };
            let payloads = Embedded { attacks: &ATTACKS, folder };
            all.add(text(path, content.to_vec()).and_then(|source| {
                Scenario::parse(path, &source, &payloads, self.registry).map_err(LoadError::Invalid)
            }));
        }
        let mut loaded = all.loaded;
        loaded.scenarios.sort_by(|a, b| (a.family, &a.name).cmp(&(b.family, &b.name)));
        loaded
    }

    /// The scenarios at these paths: files in the order given, folders searched through and through, their files
    /// in the order of their paths.
    pub fn load(self, paths: &[PathBuf]) -> Loaded {
        load_with(paths, self.loader())
    }

    /// The scenarios at these paths; those that do not say whom they attack are for whoever speaks `layout`.
    pub fn load_any(self, paths: &[PathBuf], layout: Option<&Arc<LayoutFile>>) -> Loaded {
        load_with(paths, Loader { layout: layout.cloned(), ..self.loader() })
    }

    /// The attacks at these paths, on whoever speaks `layout`.
    pub fn load_attacks(self, paths: &[PathBuf], layout: &Arc<LayoutFile>) -> Loaded {
        let layout = Some(layout.clone());
        load_with(paths, Loader { layout, attacks_only: true, ..self.loader() })
    }

    /// The scenario in this file.
    ///
    /// # Errors
    /// The file cannot be read, or has mistakes.
    pub fn load_file(self, path: &Path) -> Result<Scenario, LoadError> {
        load_one(path, None, self.registry)
    }

    fn loader(self) -> Loader {
        Loader { registry: self.registry, ..Loader::default() }
    }
}

fn load_with(paths: &[PathBuf], mut all: Loader) -> Loaded {
    for path in paths {
        if path.is_dir() {
            match search(path) {
                Ok(files) => files
                    .iter()
                    .filter(|file| kind(file) == FileKind::Scenario)
                    .for_each(|file| all.add_file(file)),
                Err(error) => all.loaded.errors.push(error),
            }
        } else {
            all.add_file(path);
        }
    }
    all.loaded
}

fn load_one(
    path: &Path,
    layout: Option<&Arc<LayoutFile>>,
    registry: Registry,
) -> Result<Scenario, LoadError> {
    let shown = path.display().to_string();
    let source = text(&shown, read(path)?)?;
    let beside = Beside { folder: path.parent().unwrap_or(Path::new("")).to_owned() };
    let scenario = match layout {
        Some(layout) => Scenario::parse_attack(&shown, &source, &beside, layout, registry),
        None => Scenario::parse(&shown, &source, &beside, registry),
    };
    let scenario = scenario.map_err(LoadError::Invalid)?;
    Ok(Scenario { file: Some(path.to_owned()), ..scenario })
}

/// What a file is meant to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileKind {
    /// A scenario, or an attack; also what cannot be read.
    Scenario,
    /// A layout: it has frames.
    Layout,
    /// Targets, and nothing else.
    Targets,
}

/// What a file is meant to be, by its keys: layouts and targets may lie beside scenarios.
pub fn kind(path: &Path) -> FileKind {
    let Ok(source) = read(path).and_then(|content| text("", content)) else {
        return FileKind::Scenario;
    };
    let (document, _) = toml::de::DeTable::parse_recoverable(&source);
    let has = |key| document.get_ref().contains_key(key);
    match () {
        () if has("family") => FileKind::Scenario,
        () if has("frame") => FileKind::Layout,
        () if has("target") => FileKind::Targets,
        () => FileKind::Scenario,
    }
}

/// Whether a file says itself whom it attacks.
fn names_its_victim(path: &Path) -> bool {
    let Ok(source) = read(path).and_then(|content| text("", content)) else { return true };
    let (document, _) = toml::de::DeTable::parse_recoverable(&source);
    ["system", "systems", "target"].iter().any(|key| document.get_ref().contains_key(*key))
}

/// What was loaded so far, and how.
#[derive(Default)]
struct Loader {
    /// The systems that a file can name.
    registry: Registry,
    /// The layout of attacks, if it is given.
    layout: Option<Arc<LayoutFile>>,
    /// Nothing but attacks is wanted.
    attacks_only: bool,
    loaded: Loaded,
    /// The file that has a name already.
    names: BTreeMap<String, String>,
    /// Files that were loaded already: naming one twice is no mistake.
    seen: Vec<PathBuf>,
}

impl Loader {
    fn add_file(&mut self, path: &Path) {
        let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if let Err(at) = self.seen.binary_search(&real) {
            self.seen.insert(at, real);
            let layout = self.layout.as_ref();
            let layout = layout.filter(|_| self.attacks_only || !names_its_victim(path));
            self.add(load_one(path, layout, self.registry));
        }
    }

    fn add(&mut self, scenario: Result<Scenario, LoadError>) {
        let scenario = match scenario {
            Ok(scenario) => scenario,
            Err(error) => return self.loaded.errors.push(error),
        };
        let (name, second) = (scenario.name.clone(), scenario.path.clone());
        if let Some(first) = self.names.get(&name) {
            let first = first.clone();
            return self.loaded.errors.push(LoadError::Duplicate { name, first, second });
        }
        self.names.insert(name, second);
        self.loaded.scenarios.push(scenario);
    }
}

fn is_toml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "toml")
}

/// Every `*.toml` in a folder and those within, in the order of their paths. Links to folders are not
/// followed: they can lead in circles.
fn search(folder: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let shown = || folder.display().to_string();
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let unreadable = |error: io::Error| failed(&folder, &error);
        for entry in fs::read_dir(&folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let path = entry.path();
            if entry.file_type().map_err(unreadable)?.is_dir() {
                folders.push(path);
            } else if is_toml(&path) && !path.is_dir() {
                found.push(path);
            }
            if found.len() > MAX_FILES {
                return Err(LoadError::TooManyFiles { path: shown() });
            }
        }
    }
    if found.is_empty() {
        return Err(LoadError::NoScenario { path: shown() });
    }
    found.sort_unstable();
    Ok(found)
}

/// Files beside a scenario file. Absolute paths are allowed: whoever runs a file trusts it to read.
#[derive(Clone, Debug)]
pub struct Beside {
    /// The folder of the scenario file.
    pub folder: PathBuf,
}

impl Payloads for Beside {
    fn read(&self, path: &str) -> Result<Bytes, String> {
        let path = self.folder.join(path);
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => "does not exist".to_owned(),
            kind => format!("cannot be read: {kind}"),
        };
        let about = fs::metadata(&path).map_err(failed)?;
        if about.is_dir() {
            return Err("is a folder".to_owned());
        }
        if !about.is_file() {
            return Err("is not a regular file".to_owned());
        }
        let most = MAX_PAYLOAD as u64;
        if about.len() > most {
            return Err(format!("has {} bytes, at most {most} are sent", about.len()));
        }
        let mut content = Vec::with_capacity(usize::try_from(about.len()).unwrap_or(0));
        let file = File::open(&path).map_err(failed)?;
        file.take(most + 1).read_to_end(&mut content).map_err(failed)?;
        Ok(content.into())
    }
}

/// Files of the embedded catalogue, relative to the folder of one scenario.
#[derive(Clone, Debug)]
struct Embedded {
    attacks: &'static Dir<'static>,
    folder: &'static str,
}

impl Payloads for Embedded {
    fn read(&self, path: &str) -> Result<Bytes, String> {
        let mut parts: Vec<&str> = self.folder.split('/').collect();
        for part in path.split('/') {
            match part {
                "." => {}
                ".." => {
                    parts.pop().ok_or("is outside the catalogue")?;
                }
                _ => parts.push(part),
            }
        }
        let file = self.attacks.get_file(parts.join("/"));
        file.map(|file| Bytes::from_static(file.contents())).ok_or_else(|| "does not exist".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::MAX_FILE;
    use crate::starter::starter;

    /// A folder of its own for one test, removed when the test is over.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("meddle-{}-{name}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn write(&self, path: &str, content: impl AsRef<[u8]>) -> PathBuf {
            let path = self.0.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, content).unwrap();
            path
        }

        /// What loading these paths says, with the folder's own path left out.
        fn errors(&self, paths: &[PathBuf]) -> Vec<String> {
            let own = format!("{}", self.0.display());
            let errors = Catalogue::default().load(paths).errors;
            errors.iter().map(|error| error.to_string().replace(&own, "FOLDER")).collect()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_catalogue_has_no_mistakes_and_each_file_is_in_the_folder_of_its_family() {
        let Loaded { scenarios, errors } = Catalogue::default().embedded();
        assert!(errors.is_empty(), "{errors:?}");
        assert!(scenarios.len() >= 2);
        for scenario in &scenarios {
            let expected = format!("{}/{}.toml", scenario.family.name(), scenario.name);
            assert_eq!(scenario.path, expected);
        }
        assert!(scenarios.is_sorted_by_key(|scenario| (scenario.family, scenario.name.clone())));
    }

    #[test]
    fn embedded_payloads_are_found_only_within_the_catalogue() {
        let payloads = Embedded { attacks: &ATTACKS, folder: "replay" };
        let own = "replay-data-in-session.toml";
        assert!(payloads.read(own).is_ok());
        assert!(payloads.read(&format!("../replay/./{own}")).is_ok());
        assert_eq!(payloads.read("../../x").unwrap_err(), "is outside the catalogue");
        assert_eq!(payloads.read("/x").unwrap_err(), "does not exist");
        assert_eq!(payloads.read("..").unwrap_err(), "does not exist");
    }

    #[test]
    fn folders_are_searched_in_order_and_files_load_alone() {
        let folder = Folder::new("search");
        folder.write("b/two.toml", starter("two"));
        let one = folder.write("a/one.toml", starter("one"));
        folder.write("a/note.txt", "no scenario");
        let names = |paths: &[PathBuf]| -> Vec<String> {
            Catalogue::default()
                .load(paths)
                .scenarios
                .into_iter()
                .map(|scenario| scenario.name)
                .collect()
        };
        assert_eq!(names(std::slice::from_ref(&folder.0)), ["one", "two"]);
        assert_eq!(names(&[one.clone(), folder.0.clone()]), ["one", "two"], "once each");
        assert_eq!(Catalogue::default().load_file(&one).unwrap().path, one.display().to_string());
    }

    #[cfg(unix)]
    #[test]
    fn links_in_circles_end() {
        let folder = Folder::new("circle");
        folder.write("one.toml", starter("one"));
        std::os::unix::fs::symlink(&folder.0, folder.0.join("again")).unwrap();
        std::os::unix::fs::symlink(&folder.0, folder.0.join("again.toml")).unwrap();
        assert_eq!(Catalogue::default().load(std::slice::from_ref(&folder.0)).scenarios.len(), 1);
    }

    #[test]
    fn whatever_cannot_be_read_is_one_clear_line() {
        let folder = Folder::new("unreadable");
        let latin = folder.write("latin.toml", b"name = 'x'\nsummary = '\xe9'\n");
        let huge = folder.write("huge.toml", vec![b'#'; MAX_FILE + 1]);
        let empty = folder.0.join("empty");
        fs::create_dir(&empty).unwrap();
        let missing = folder.0.join("missing\u{1b}.toml");
        let errors = folder.errors(&[latin, huge, empty, missing]);
        assert_eq!(
            errors,
            [
                "FOLDER/latin.toml: not UTF-8 text, from line 2 on",
                "FOLDER/huge.toml: more than 1048576 bytes, too large for a scenario",
                "no scenario (*.toml) in FOLDER/empty",
                "FOLDER/missing\\u{1b}.toml: no such file or folder",
            ]
        );
        let error = Catalogue::default().load_file(&folder.0).unwrap_err();
        assert!(error.to_string().ends_with("a folder, where a file is expected"));
    }

    #[test]
    fn two_scenarios_of_one_name_are_both_shown() {
        let folder = Folder::new("twice");
        folder.write("a/same.toml", starter("same"));
        folder.write("b/same.toml", starter("same"));
        assert_eq!(
            folder.errors(std::slice::from_ref(&folder.0)),
            ["two scenarios are named `same`: FOLDER/a/same.toml and FOLDER/b/same.toml"]
        );
    }

    #[test]
    fn every_file_with_mistakes_is_reported() {
        let folder = Folder::new("mistakes");
        folder.write("a.toml", "x");
        folder.write("b.toml", "y");
        folder.write("c.toml", starter("c"));
        let all = std::slice::from_ref(&folder.0);
        assert_eq!(
            (folder.errors(all).len(), Catalogue::default().load(all).scenarios.len()),
            (2, 1)
        );
    }

    #[test]
    fn payloads_are_read_beside_the_file() {
        let folder = Folder::new("payloads");
        let path = folder.write("cat.png", "meow");
        let payloads = Beside { folder: folder.0.clone() };
        assert_eq!(payloads.read("cat.png").unwrap(), "meow");
        assert_eq!(payloads.read(path.to_str().unwrap()).unwrap(), "meow");
        assert_eq!(payloads.read("dog.png").unwrap_err(), "does not exist");
        assert_eq!(payloads.read(".").unwrap_err(), "is a folder");
        assert!(payloads.read("a\0b").unwrap_err().starts_with("cannot be read"));
    }
}
