//! What a person sees who made a mistake in a scenario file: each file in `diagnostics/` is wrong in some way,
//! and its snapshot is the message.

use std::fs;

#[test]
fn every_mistake_is_explained() {
    let mut paths: Vec<_> = fs::read_dir("tests/diagnostics")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty());
    for path in paths {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let shown =
            files::catalogue::Catalogue::default().load_file(&path).unwrap_err().to_string();
        let shown = shown.replace(&path.display().to_string(), &format!("{name}.toml"));
        assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
        insta::with_settings!({
            snapshot_path => "diagnostics",
            prepend_module_to_snapshot => false,
            omit_expression => true,
        }, { insta::assert_snapshot!(name, shown) });
    }
}

#[test]
fn no_snapshot_stands_alone() {
    for entry in fs::read_dir("tests/diagnostics").unwrap() {
        let path = entry.unwrap().path();
        assert!(path.with_extension("toml").exists(), "{} stands alone", path.display());
    }
}
