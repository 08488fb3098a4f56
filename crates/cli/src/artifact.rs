//! `belay push|pull|list|tag|build|diff artifact`: manifests in a registry, without a cluster.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use belay_net::{ClientOptions, Proxy, Secret};
use belay_object::{Value, object};
use belay_oci::{Artifact, Client, Credentials, Keychain, Repository, Tag, Target, digest_of, media, parse_reference};
use belay_semver::{Constraints, Version};
use belay_source::Filtered;
use belay_source::artifact::{ArchiveLimits, UnpackLimits, unpack, write_archive};
use belay_tree::{DirTree, Entry, EntryKind, Limits, MemoryTree, Tree, TreePath};
use bytes::Bytes;

use crate::args::{
    ArtifactFlags, BuildArtifactArgs, DiffArtifactArgs, Format, ListArtifactArgs, PullArtifactArgs, PushArtifactArgs,
    TagArtifactArgs,
};
use crate::output::{Table, action, success};
use crate::{out, outln};

/// Largest artifact that is pulled, as it comes and unpacked.
const MOST_BYTES: u64 = 512 << 20;
/// Compat(flux 2.9): what is left out unless said otherwise.
const IGNORED: &str =
    ".git/\n.gitignore\n.gitmodules\n.gitattributes\n*.jpg\n*.jpeg\n*.gif\n*.png\n*.wmv\n*.flv\n*.tar.gz\n*.zip\n";

pub async fn push(args: PushArtifactArgs) -> Result<u8> {
    let (repository, target) = parse_reference(&args.url)?;
    let Some(Target::Tag(tag)) = target else { bail!("the URL must have a tag: oci://<host>/<path>:<tag>") };
    let layer = layer_of(&args.path, &args.ignore_paths, &args.add_ignore_paths)?;
    let diff = digest_of(flate2::read::GzDecoder::new(&*layer)).context("the archive cannot be read again")?;
    let created = if args.reproducible { jiff::Timestamp::UNIX_EPOCH } else { jiff::Timestamp::now() };
    let created = belay_controller::conditions::time_text(created);
    let annotations: Vec<(String, String)> = args
        .annotations
        .iter()
        .map(|a| a.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned())))
        .collect::<Option<_>>()
        .context("invalid annotation: it is key=value")?;
    let artifact = Artifact::of_flux(layer.into(), &diff, &created, &args.source, &args.revision, &annotations);
    let client = client(repository.clone(), &args.flags)?;
    if args.output.is_none() {
        action(&format!("pushing artifact to {}", args.url));
    }
    let digest = artifact.push(&client, &tag).await?;
    let url = format!("oci://{repository}@{digest}");
    match args.output {
        None => success(&format!("artifact successfully pushed to {repository}@{digest}")),
        Some(format) => print(
            object! {
                "url" => url,
                "repository" => repository.to_string(),
                "tag" => tag.as_str(),
                "digest" => digest.as_str(),
            },
            format,
        ),
    }
    Ok(0)
}

/// The archive of a folder, of one file, or of what comes from standard input.
fn layer_of(path: &Path, ignore: &[String], ignore_too: &[String]) -> Result<Vec<u8>> {
    let tree: Arc<dyn Tree> = if path == Path::new("-") {
        let mut content = Vec::new();
        std::io::stdin().lock().take(MOST_BYTES).read_to_end(&mut content)?;
        Arc::new(single("stdin.yaml", content)?)
    } else if path.is_file() {
        let content = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
        let name = path.file_name().and_then(|n| n.to_str()).context("the file has no name")?;
        Arc::new(single(name, content)?)
    } else {
        let tree = DirTree::open(path, Limits { file_bytes: MOST_BYTES, ..Limits::default() })
            .with_context(|| format!("invalid path {}", path.display()))?;
        let mut rules = match ignore.is_empty() {
            true => IGNORED.to_owned(),
            false => ignore.join("\n") + "\n",
        };
        rules += &ignore_too.join("\n");
        Arc::new(Filtered::by_rules(Arc::new(tree), &rules))
    };
    let mut layer = Vec::new();
    write_archive(&*tree, &mut layer, &ArchiveLimits::default())?;
    Ok(layer)
}

fn single(name: &str, content: Vec<u8>) -> Result<MemoryTree> {
    Ok(MemoryTree::from_files([(name, content)])?)
}

/// Writes the archive that pushing would upload.
pub fn build(args: &BuildArtifactArgs) -> Result<u8> {
    action(&format!("building artifact from {}", args.path.display()));
    let layer = layer_of(&args.path, &args.ignore_paths, &[])?;
    std::fs::write(&args.output, layer).with_context(|| format!("{} cannot be written", args.output.display()))?;
    success(&format!("artifact created at {}", args.output.display()));
    Ok(0)
}

/// Compares files, not archives: how something was packed makes no difference.
pub async fn diff(args: DiffArtifactArgs) -> Result<u8> {
    let (repository, target) = parse_reference(&args.url)?;
    let target = target.map_or_else(|| Tag::parse("latest").map(Target::Tag), Ok)?;
    let client = client(repository, &args.flags)?;
    let digest = client.resolve(&target).await?;
    let pulled = client.manifest(&digest).await?;
    let layer = pulled.manifest.layer(None).context("the artifact has no layers")?;
    let limits =
        UnpackLimits { bytes: MOST_BYTES, file_bytes: MOST_BYTES, skip_symlinks: true, ..UnpackLimits::default() };
    let remote = unpack(&*client.blob(layer, MOST_BYTES).await?, &limits)?;
    let local = unpack(&*layer_of(&args.path, &args.ignore_paths, &[])?, &limits)?;
    let (remote, local) = (files(&remote)?, files(&local)?);
    let mut differs = false;
    for name in remote.keys().chain(local.keys().filter(|name| !remote.contains_key(*name))) {
        let what = match (remote.get(name), local.get(name)) {
            (Some(a), Some(b)) if a == b => continue,
            (Some(_), Some(_)) => "changed",
            (None, _) => "created",
            (_, None) => "deleted",
        };
        differs = true;
        outln!("► {} {what}", crate::output::clean(name));
    }
    if !differs {
        success("no changes detected");
    }
    Ok(u8::from(differs))
}

/// The files of a tree with their content's digest.
fn files(tree: &dyn Tree) -> Result<BTreeMap<String, belay_tree::Digest>> {
    let (mut found, mut open) = (BTreeMap::new(), vec![TreePath::root()]);
    while let Some(dir) = open.pop() {
        for item in tree.list(&dir)?.unwrap_or_default() {
            let path = dir.child(&item.name)?;
            match item.kind {
                EntryKind::Dir => open.push(path),
                EntryKind::Symlink => {}
                EntryKind::File => {
                    if let Entry::File(file) = tree.read_whole(&path)? {
                        found.insert(path.to_string(), belay_tree::Digest::of(&file.content));
                    }
                }
            }
        }
    }
    Ok(found)
}

pub async fn pull(args: PullArtifactArgs) -> Result<u8> {
    let (repository, target) = parse_reference(&args.url)?;
    let target = match target {
        Some(target) => target,
        None => Target::Tag(Tag::parse("latest")?),
    };
    let client = client(repository.clone(), &args.flags)?;
    action(&format!("pulling artifact from {}", args.url));
    let digest = client.resolve(&target).await?;
    let pulled = client.manifest(&digest).await?;
    let layer = pulled.manifest.layer(None).context("the artifact has no layers")?;
    let blob = client.blob(layer, MOST_BYTES).await?;
    for (name, key) in [("source", media::SOURCE), ("revision", media::REVISION)] {
        if let Some(value) = pulled.manifest.annotations.get(key) {
            success(&format!("{name} {value}"));
        }
    }
    success(&format!("digest {repository}@{digest}"));
    unpack_to(&args.output, &blob)?;
    success(&format!("artifact content extracted to {}", args.output.display()));
    Ok(0)
}

/// Writes the files of an archive below a folder. Names were checked when it was unpacked; what is a
/// symlink on disk is not written through.
fn unpack_to(folder: &Path, blob: &Bytes) -> Result<()> {
    if !folder.is_dir() {
        bail!("invalid output path {}: it is no folder", folder.display());
    }
    let limits =
        UnpackLimits { bytes: MOST_BYTES, file_bytes: MOST_BYTES, skip_symlinks: true, ..UnpackLimits::default() };
    let tree = unpack(&**blob, &limits)?;
    let mut open = vec![TreePath::root()];
    while let Some(dir) = open.pop() {
        let at = on_disk(folder, &dir);
        if at.symlink_metadata().is_ok_and(|meta| meta.is_symlink()) {
            bail!("{} is a symlink: nothing is written through it", at.display());
        }
        std::fs::create_dir_all(&at).with_context(|| format!("{} cannot be made", at.display()))?;
        for item in tree.list(&dir)?.unwrap_or_default() {
            let path = dir.child(&item.name)?;
            match item.kind {
                EntryKind::Dir => open.push(path),
                EntryKind::Symlink => {}
                EntryKind::File => {
                    let Entry::File(file) = tree.read_whole(&path)? else { continue };
                    let to = on_disk(folder, &path);
                    if to.symlink_metadata().is_ok_and(|meta| meta.is_symlink()) {
                        bail!("{} is a symlink: nothing is written through it", to.display());
                    }
                    let mut out =
                        std::fs::File::create(&to).with_context(|| format!("{} cannot be made", to.display()))?;
                    out.write_all(&file.content)?;
                }
            }
        }
    }
    Ok(())
}

fn on_disk(folder: &Path, path: &TreePath) -> PathBuf {
    path.segments().fold(folder.to_owned(), |at, segment| at.join(segment))
}

pub async fn tag(args: TagArtifactArgs) -> Result<u8> {
    let (repository, target) = parse_reference(&args.url)?;
    let Some(target) = target else { bail!("the URL must have a tag or a digest") };
    let client = client(repository.clone(), &args.flags)?;
    action("tagging artifact");
    let digest = client.resolve(&target).await?;
    for text in &args.tags {
        let tag = Tag::parse(text)?;
        client.tag(&digest, &tag).await?;
        success(&format!("artifact tagged as {repository}:{tag}"));
    }
    Ok(0)
}

pub async fn list(args: ListArtifactArgs) -> Result<u8> {
    let (repository, None) = parse_reference(&args.url)? else { bail!("the URL must have no tag") };
    let client = client(repository.clone(), &args.flags)?;
    let mut tags = chosen(client.tags().await?, &args)?;
    tags.sort_unstable_by(|a, b| b.cmp(a));
    let mut table = Table::new(&["artifact", "digest", "source", "revision"]);
    let mut all = Vec::new();
    for text in tags {
        let Some(pulled) = client.find(&Tag::parse(&text)?).await? else { continue };
        let told = |key: &str| pulled.manifest.annotations.get(key).cloned().unwrap_or_default();
        let url = format!("{repository}:{text}");
        if args.output.is_some() {
            let (digest, source, revision) = (pulled.digest.to_string(), told(media::SOURCE), told(media::REVISION));
            all.push(object! { "url" => url, "digest" => digest, "source" => source, "revision" => revision });
        } else {
            table.row(vec![url, pulled.digest.to_string(), told(media::SOURCE), told(media::REVISION)]);
        }
    }
    match args.output {
        None => out!("{}", table.render(true)),
        Some(format) => print(Value::from(all), format),
    }
    Ok(0)
}

/// Compat(flux 2.9): what cosign keeps beside an artifact is none.
fn chosen(tags: Vec<String>, args: &ListArtifactArgs) -> Result<Vec<String>> {
    let filter = args.filter_regex.as_deref().map(regex::Regex::new).transpose().context("--filter-regex")?;
    let range = args.filter_semver.as_deref().map(Constraints::parse).transpose().context("--filter-semver")?;
    let is_chosen = |tag: &String| {
        ![".sig", ".att", ".sbom"].iter().any(|end| tag.ends_with(end))
            && filter.as_ref().is_none_or(|f| f.is_match(tag))
            && range.as_ref().is_none_or(|r| Version::tag(tag).is_ok_and(|v| r.check(&v)))
    };
    Ok(tags.into_iter().filter(is_chosen).collect())
}

fn print(value: Value, format: Format) {
    match format {
        Format::Json => outln!("{}", value.to_json_pretty()),
        Format::Yaml => out!("{}", belay_yaml::to_yaml(&value)),
    }
}

fn client(repository: Repository, flags: &ArtifactFlags) -> Result<Client> {
    if flags.provider != "generic" {
        bail!(
            "provider {:?} is not served by this version: log in with --creds or Docker's configuration",
            flags.provider
        );
    }
    let proxy = Proxy::from_variables(|name| std::env::var(name).ok())?;
    let http = ClientOptions { proxy, ..ClientOptions::default() }.build()?;
    let keychain = match &flags.creds {
        None => docker_config()?,
        Some(creds) => {
            let credentials = match creds.split_once(':') {
                Some((user, password)) => Credentials::Basic(user.to_owned(), Secret::new(password.to_owned())),
                None => Credentials::Bearer(Secret::new(creds.clone())),
            };
            Keychain::single(repository.registry(), credentials)
        }
    };
    Ok(Client::new(http, repository, keychain, flags.insecure_registry))
}

/// What Docker has on this machine; credential helpers are programs and are not run.
fn docker_config() -> Result<Keychain> {
    let folder = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    let folder = folder.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".docker")));
    let Some(path) = folder.map(|f| f.join("config.json")) else { return Ok(Keychain::anonymous()) };
    match std::fs::read(&path) {
        Ok(json) => Keychain::parse(&json).with_context(|| path.display().to_string()),
        Err(_) => Ok(Keychain::anonymous()),
    }
}

#[cfg(test)]
mod tests;
