//! What a person sees who made a mistake in a layout file: each file in `layouts/` is wrong in some way, and its
//! snapshot is the message.

use std::fs;

use files::layout_file::{LayoutFile, MAX_FILE};

#[test]
fn every_mistake_is_explained() {
    let mut paths: Vec<_> = fs::read_dir("tests/layouts")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty());
    for path in paths {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let shown =
            LayoutFile::load(&path, protocol::registry::Registry::BUILTIN).unwrap_err().to_string();
        let shown = shown.replace(&path.display().to_string(), &format!("{name}.toml"));
        insta::with_settings!({
            snapshot_path => "layouts",
            prepend_module_to_snapshot => false,
            omit_expression => true,
        }, { insta::assert_snapshot!(name, shown) });
    }
}

#[test]
fn no_snapshot_stands_alone() {
    for entry in fs::read_dir("tests/layouts").unwrap() {
        let path = entry.unwrap().path();
        assert!(path.with_extension("toml").exists(), "{} stands alone", path.display());
    }
}

#[test]
fn a_file_of_any_size_is_answered() {
    let large = LayoutFile::parse("a.toml", &"#".repeat(MAX_FILE + 1)).unwrap_err().to_string();
    assert!(large.contains("at most 1048576 are read"), "{large}");
}
