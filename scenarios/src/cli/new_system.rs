//! `scenarios new-system NAME`: write the crate of a system of the user's own. It builds, its tests are green, and its comments say what to fill in.
//! The files are templates in the folder `new_system`.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use files::diagnostic::{quote, quote_path};

use super::done::Done;
use super::output::{Output, print};

/// The files of the crate. `NAME` stands for the name of the system, and `MEDDLE` for the folder of Meddle's source.
const FILES: [(&str, &str); 11] = [
    ("Cargo.toml", include_str!("new_system/cargo.toml.txt")),
    (".gitignore", "/target\n"),
    ("src/main.rs", include_str!("new_system/main.rs.txt")),
    ("src/lib.rs", include_str!("new_system/lib.rs.txt")),
    ("src/wire.rs", include_str!("new_system/wire.rs.txt")),
    ("src/channel.rs", include_str!("new_system/channel.rs.txt")),
    ("src/client.rs", include_str!("new_system/client.rs.txt")),
    ("src/server.rs", include_str!("new_system/server.rs.txt")),
    ("tests/system.rs", include_str!("new_system/system.rs.txt")),
    ("scenarios/baseline/NAME-text.toml", include_str!("new_system/text.toml.txt")),
    ("scenarios/replay/NAME-replay-text.toml", include_str!("new_system/replay.toml.txt")),
];

/// Crates that the new one depends on, or that every crate has: it cannot have their names.
const TAKEN: [&str; 6] = ["protocol", "scenarios", "core", "std", "alloc", "test"];

/// Options of `new-system`.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    /// The name of the system and of its folder: a small letter, then small letters and digits
    #[arg(value_name = "NAME")]
    name: String,
    /// The folder of Meddle's source, which the crate depends on [default: the one that this program was built from]
    #[arg(long, value_name = "DIR")]
    meddle: Option<PathBuf>,
}

/// Write the crate into a new folder of the current one. Nothing that is there is changed.
pub(super) fn run(args: &Args, output: Output) -> Result<Done> {
    check_name(&args.name, &output.catalogue.registry.names())?;
    let built_from = || Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let meddle = source(&args.meddle.clone().unwrap_or_else(built_from))?;
    let folder = PathBuf::from(&args.name);
    match fs::create_dir(&folder) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("{} is there already; nothing was written", folder.display());
        }
        other => other.with_context(|| format!("{} cannot be made", folder.display()))?,
    }
    let lock = fs::read_to_string(meddle.join("Cargo.lock"));
    let mut written = filled_in(&args.name, &meddle)?;
    // The versions of other crates that Meddle is tried with. Without the file, cargo takes the newest.
    written.extend(lock.ok().map(|lock| ("Cargo.lock".to_owned(), lock)));
    for (path, content) in written {
        let path = folder.join(path);
        let cannot = || format!("{} cannot be written", path.display());
        fs::create_dir_all(path.parent().unwrap_or(&folder)).with_context(cannot)?;
        fs::write(&path, content).with_context(cannot)?;
        print(&format!("{}\n", path.display()))?;
    }
    let name = &args.name;
    output.remark(&format!("try it: cd {name}, cargo test, cargo run -- all --system {name}"));
    output.remark("then search for FILL IN");
    Ok(Done::Expected)
}

fn check_name(name: &str, systems: &[&str]) -> Result<()> {
    let mut bytes = name.bytes();
    let begins = bytes.next().is_some_and(|byte| byte.is_ascii_lowercase());
    let goes_on = bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if !begins || !goes_on || name.len() > 30 {
        let name = quote(name);
        bail!(
            "{name} is no system name: expected a small letter and at most 29 small letters and digits, such as `mine`"
        );
    }
    if systems.contains(&name) {
        bail!("there is a system {} already", quote(name));
    }
    if TAKEN.contains(&name) {
        bail!("{} is the name of a crate that the new one needs", quote(name));
    }
    Ok(())
}

/// The folder of Meddle's source.
fn source(folder: &Path) -> Result<PathBuf> {
    let shown = || format!("{} is not the folder of Meddle's source", quote_path(folder));
    let found = folder.canonicalize().ok();
    let found = found.filter(|found| found.join("protocol/Cargo.toml").is_file());
    found.ok_or_else(|| anyhow!("{}; --meddle says where that is", shown()))
}

/// The files with this name and this folder of Meddle's.
fn filled_in(name: &str, meddle: &Path) -> Result<Vec<(String, String)>> {
    let path = |package: &str| {
        let path = meddle.join(package);
        let path = path.to_str().ok_or_else(|| anyhow!("{} is no UTF-8", quote_path(&path)))?;
        // A string of JSON is a basic string of TOML.
        serde_json::to_string(path).map_err(anyhow::Error::from)
    };
    let (protocol, scenarios) = (path("protocol")?, path("scenarios")?);
    let fill = |(file, template): (&str, &str)| {
        let content = template.replace("NAME", name);
        let content = content.replace("MEDDLE/protocol", &protocol);
        (file.replace("NAME", name), content.replace("MEDDLE/scenarios", &scenarios))
    };
    Ok(FILES.into_iter().map(fill).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_toml_or_rust_and_nothing_is_left_to_replace() {
        let files = filled_in("mine", Path::new("/a \"quoted\" folder")).unwrap();
        assert_eq!(files.len(), FILES.len());
        let mut scenarios = 0;
        for (path, content) in &files {
            for placeholder in ["NAME", "MEDDLE"] {
                assert!(!path.contains(placeholder) && !content.contains(placeholder), "{path}");
            }
            let extension = Path::new(path).extension().and_then(|extension| extension.to_str());
            match extension {
                Some("toml") => {
                    let table: toml::Table =
                        content.parse().unwrap_or_else(|why| panic!("{path}: {why}"));
                    let stem = Path::new(path).file_stem().unwrap().to_str().unwrap();
                    if path.starts_with("scenarios/") {
                        assert_eq!(table["name"].as_str(), Some(stem));
                        let listed = path.trim_start_matches("scenarios/");
                        let lib = files.iter().find(|(path, _)| path == "src/lib.rs").unwrap();
                        assert!(lib.1.contains(&format!("\"{listed}\"")), "{path} is in no list");
                        scenarios += 1;
                    } else {
                        let protocol = &table["dependencies"]["protocol"]["path"];
                        assert_eq!(protocol.as_str(), Some("/a \"quoted\" folder/protocol"));
                    }
                }
                Some("rs") => {
                    let tokens: Result<proc_macro2::TokenStream, _> = content.parse();
                    assert!(tokens.is_ok(), "{path}");
                    assert!(content.starts_with("//!"), "{path}: what lives here?");
                }
                _ => assert_eq!(path, ".gitignore"),
            }
        }
        assert_eq!(scenarios, 2);
    }

    #[test]
    fn a_name_is_one_word_that_nobody_has() {
        assert!(check_name("mine2", &["ours"]).is_ok());
        for (name, why) in [
            ("", "no system name"),
            ("2mine", "no system name"),
            ("my-own", "no system name"),
            ("../mine", "no system name"),
            ("ours", "there is a system"),
            ("protocol", "is the name of a crate"),
        ] {
            let error = check_name(name, &["ours"]).unwrap_err().to_string();
            assert!(error.contains(why), "{name}: {error}");
        }
        assert!(check_name(&"m".repeat(31), &[]).is_err());
    }
}
