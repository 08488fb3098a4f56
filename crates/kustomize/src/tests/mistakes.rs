//! What people get wrong, and what they are told: the whole text, as the command line prints it.
//!
//! Where kustomize has words for a mistake they are kept, because people search for them; the place
//! before them and the hints behind them are ours. The table is `mistakes.txt`.

use super::{CONFIG_MAP, build_at};
use crate::BuildOptions;

const TABLE: &str = include_str!("mistakes.txt");

/// One mistake of the table: the files, and what is told.
struct Mistake<'a> {
    files: Vec<(String, &'a str)>,
    told: &'a str,
}

fn read(block: &str) -> Mistake<'_> {
    let mut parts = block.split("==== ").filter_map(|part| part.split_once('\n'));
    let mut mistake = Mistake { files: Vec::new(), told: "" };
    for (name, content) in parts.by_ref() {
        match name {
            "told" => mistake.told = content.trim_end_matches('\n'),
            "kustomization.yaml" => mistake.files.push(("app/kustomization.yaml".into(), content)),
            other => mistake.files.push((other.into(), content)),
        }
    }
    mistake
}

fn told(files: &[(String, &str)]) -> String {
    let mut files: Vec<(&str, &str)> = files.iter().map(|(path, content)| (path.as_str(), *content)).collect();
    files.push(("app/r.yaml", CONFIG_MAP));
    match build_at("app", &files, &BuildOptions::default()) {
        Ok(_) => "no mistake".into(),
        Err(error) => error.hints().iter().fold(error.to_string(), |told, hint| format!("{told}\nhint: {hint}")),
    }
}

#[test]
fn mistakes_are_told_with_file_line_object_and_what_to_do() {
    const START: &str = "\n==== kustomization.yaml\n";
    let mut blocks = TABLE.split(START);
    let mut blessed = blocks.next().unwrap_or_default().to_owned();
    let mut count = 0;
    for block in blocks {
        let block = format!("==== kustomization.yaml\n{block}");
        let mistake = read(&block);
        let found = told(&mistake.files);
        if std::env::var_os("BLESS").is_none() {
            assert_eq!(found.trim_end(), mistake.told, "{block}");
        }
        let input = block.split("==== told\n").next().unwrap_or_default();
        blessed.push_str(&format!("\n{input}==== told\n{}\n", found.trim_end()));
        count += 1;
    }
    assert!(count > 40, "the table is there");
    if std::env::var_os("BLESS").is_some() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tests/mistakes.txt");
        std::fs::write(path, blessed).expect("the table can be written");
    }
}
