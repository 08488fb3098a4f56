//! A text that a person changes in an editor of their own.

use std::io::{IsTerminal, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// What is edited is a manifest: an API server takes 3 MiB.
const MAX_BYTES: u64 = 3 << 20;

/// Opens an editor on a text until `read` takes what is there; `None` where it was left as it was, or emptied.
///
/// A text that is not taken stands there again with what is wrong above it; left like that, it ends the command
/// and is kept.
pub fn edit<T>(name: &str, text: &str, read: impl Fn(&str) -> Result<T>) -> Result<Option<T>> {
    edit_with(&words(std::env::var("EDITOR").ok().as_deref()), name, text, read)
}

fn edit_with<T>(editor: &[String], name: &str, text: &str, read: impl Fn(&str) -> Result<T>) -> Result<Option<T>> {
    let folder = Private::make()?;
    // The name ends the file's: editors tell the language by it.
    let safe: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let path = folder.0.join(format!("{safe}.yaml"));
    let mut shown = text.to_owned();
    loop {
        std::fs::write(&path, &shown).with_context(|| format!("{} cannot be written", path.display()))?;
        run(editor, &path)?;
        let found = load(&path)?;
        if found.trim().is_empty() || uncommented(&found) == uncommented(text) {
            return Ok(None);
        }
        let why = match read(&found) {
            Ok(value) => return Ok(Some(value)),
            Err(why) => why,
        };
        // Nobody corrects it where nobody sees it; and who leaves it as it is gives up.
        if found == shown || !std::io::stdin().is_terminal() {
            return Err(why.context(kept(&found)));
        }
        let told: String = format!("{why:#}").lines().map(|line| format!("# {line}\n")).collect();
        shown = format!("{told}{}", uncommented(&found));
    }
}

/// Where a text that was not taken is kept, in words.
pub fn kept(text: &str) -> String {
    let keep = || -> Result<PathBuf> {
        let folder = Private::make()?;
        let path = folder.0.join("edited.yaml");
        std::fs::write(&path, text)?;
        std::mem::forget(folder);
        Ok(path)
    };
    match keep() {
        Ok(path) => format!("what was edited is not written; it is kept in {}", path.display()),
        Err(_) => "what was edited is not written".to_owned(),
    }
}

/// Without the lines at the top that only say what was wrong.
fn uncommented(text: &str) -> &str {
    let mut rest = text;
    while rest.starts_with('#') {
        rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
    }
    rest
}

fn load(path: &Path) -> Result<String> {
    use std::io::Read as _;
    let cannot = || format!("{} cannot be read", path.display());
    let mut text = String::new();
    let read = std::fs::File::open(path).with_context(cannot)?.take(MAX_BYTES + 1).read_to_string(&mut text);
    match read.with_context(cannot)? as u64 > MAX_BYTES {
        true => bail!("{} is larger than 3 MiB", path.display()),
        false => Ok(text),
    }
}

/// The words of the editor's command: those of $EDITOR, which may have flags. Compat(argocd 3.5): vi without.
fn words(editor: Option<&str>) -> Vec<String> {
    let words: Vec<String> = editor.unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    if words.is_empty() { vec!["vi".to_owned()] } else { words }
}

fn run(words: &[String], path: &Path) -> Result<()> {
    std::io::stdout().flush()?;
    let ended = std::process::Command::new(&words[0]).args(&words[1..]).arg(path).status();
    let ended = ended.with_context(|| format!("the editor {:?} cannot be started: set EDITOR", words[0]))?;
    match ended.success() {
        true => Ok(()),
        false => bail!("the editor {:?} failed: nothing was written", words[0]),
    }
}

/// A folder of temporary files that nobody else reads, gone when it is dropped.
pub struct Private(pub PathBuf);

impl Private {
    /// Makes one.
    pub fn make() -> Result<Private> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|e| anyhow::anyhow!("the system gives no randomness: {e}"))?;
        let path = std::env::temp_dir().join(format!("belay-{:016x}", u64::from_ne_bytes(random)));
        let mut builder = std::fs::DirBuilder::new();
        // What is in it may be private, and the folder of temporary files is everybody's.
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path)?;
        Ok(Private(path))
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_an_editor_may_have_flags() {
        assert_eq!(words(Some("code --wait")), ["code", "--wait"]);
        for none in [None, Some(""), Some(" ")] {
            assert_eq!(words(none), ["vi"]);
        }
    }

    /// Edits `a: 1` with a command of a shell; gives what came of it.
    #[cfg(unix)]
    fn check(command: &str, expected: &str) {
        let read = |text: &str| match text.contains("wrong") {
            true => bail!("it is wrong"),
            false => Ok(text.to_owned()),
        };
        let editor = ["sh".to_owned(), "-c".to_owned(), format!("{command} \"$0\"")];
        let told = match edit_with(&editor, "one/../two", "a: 1\n", read) {
            Ok(found) => found.unwrap_or_else(|| "nothing".to_owned()),
            Err(e) => format!("{e:#}"),
        };
        assert!(told.contains(expected), "{command}: {told}");
    }

    #[cfg(unix)]
    #[test]
    fn what_an_editor_leaves_is_what_is_written() {
        check("sed -i s/1/2/", "a: 2");
        check("true", "nothing");
        check("truncate -s 0", "nothing");
        check("sed -i 1i#comment", "nothing");
        check("false", "failed: nothing was written");
        // What is not taken is kept.
        check("sed -i s/1/wrong/", "what was edited is not written; it is kept in");
        check("sed -i s/1/wrong/", "it is wrong");
    }

    #[test]
    fn what_was_said_above_a_text_is_no_part_of_it() {
        assert_eq!(uncommented("# wrong\n# so wrong\na: b\n# stays\n"), "a: b\n# stays\n");
        assert_eq!(uncommented("# wrong"), "");
    }
}
