//! kustomize's built-in tables: which fields hold names, labels, images, and what refers to what.
//!
//! The tables are text beside this file. `fieldspecs.txt` and `references.txt`: a heading, then
//! `PATH GROUP/VERSION/KIND [create]` lines, `*` for any. `merge_keys.txt`: a type, `@` the kinds
//! that have it, then `field>TYPE` or `field[]TYPE=KEYS` (`TYPE` and `=KEYS` optional) for the
//! fields below which some list merges by keys. `cluster_kinds.txt`: kinds without a namespace.

use std::sync::{Arc, LazyLock};

use crate::error::{Error, Result};
use crate::fieldspec::{FieldSpec, merge_specs};
use crate::id::Gvk;
use crate::options::Compatibility;

pub(crate) const MERGE_KEYS: &str = include_str!("facts/merge_keys.txt");
pub(crate) const CLUSTER_KINDS: &str = include_str!("facts/cluster_kinds.txt");

/// Where the labels of a StatefulSet's volume claim templates stand.
const CLAIM_LABELS: &str = "spec/volumeClaimTemplates[]/metadata/labels";

/// What refers to objects of a kind by name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reference {
    /// The kind that is referred to.
    pub(crate) target: Gvk,
    /// Where its name stands.
    pub(crate) referrers: Vec<FieldSpec>,
}

/// The field specs that transformers go by: the built-in ones and those of `configurations`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Config {
    pub(crate) name_prefix: Vec<FieldSpec>,
    pub(crate) name_suffix: Vec<FieldSpec>,
    pub(crate) namespace: Vec<FieldSpec>,
    pub(crate) common_labels: Vec<FieldSpec>,
    pub(crate) labels: Vec<FieldSpec>,
    pub(crate) template_labels: Vec<FieldSpec>,
    /// Labels of volume claim templates; empty where those are among the templates.
    pub(crate) claim_labels: Vec<FieldSpec>,
    pub(crate) common_annotations: Vec<FieldSpec>,
    pub(crate) references: Vec<Reference>,
    pub(crate) var_references: Vec<FieldSpec>,
    pub(crate) images: Vec<FieldSpec>,
    pub(crate) replicas: Vec<FieldSpec>,
}

impl Config {
    /// The built-in tables as a kustomization without configurations has them.
    pub(crate) fn built_in(compatibility: Compatibility) -> Arc<Config> {
        static CONFIG: LazyLock<Arc<Config>> = LazyLock::new(|| Arc::new(Config::read(Compatibility::V5_8_1)));
        static NEXT: LazyLock<Arc<Config>> = LazyLock::new(|| Arc::new(Config::read(Compatibility::Next)));
        match compatibility {
            Compatibility::V5_8_1 => CONFIG.clone(),
            Compatibility::Next => NEXT.clone(),
        }
    }

    /// The built-in tables as they are, to be merged with those of the user.
    pub(crate) fn tables(compatibility: Compatibility) -> Config {
        (*Config::built_in(compatibility)).clone()
    }

    fn read(compatibility: Compatibility) -> Config {
        let mut config = read_built_in();
        if compatibility == Compatibility::Next {
            let is_claim = |spec: &FieldSpec| &*spec.path == CLAIM_LABELS;
            config.claim_labels = config.template_labels.iter().filter(|spec| is_claim(spec)).cloned().collect();
            config.template_labels.retain(|spec| !is_claim(spec));
        }
        config
    }

    /// The field specs of a key of a configuration file, if there is such a key.
    pub(crate) fn specs_mut(&mut self, key: &str) -> Option<&mut Vec<FieldSpec>> {
        Some(match key.to_ascii_lowercase().as_str() {
            "nameprefix" => &mut self.name_prefix,
            "namesuffix" => &mut self.name_suffix,
            "namespace" => &mut self.namespace,
            "commonlabels" => &mut self.common_labels,
            "labels" => &mut self.labels,
            "templatelabels" => &mut self.template_labels,
            "volumeclaimtemplatelabels" => &mut self.claim_labels,
            "commonannotations" => &mut self.common_annotations,
            "varreference" => &mut self.var_references,
            "images" => &mut self.images,
            "replicas" => &mut self.replicas,
            _ => return None,
        })
    }

    /// Adds what another configuration has and this one has not.
    pub(crate) fn merge(&mut self, from: &Config) -> Result<()> {
        let lists: [(&str, &mut Vec<FieldSpec>, &[FieldSpec]); 11] = [
            ("NamePrefix", &mut self.name_prefix, &from.name_prefix),
            ("NameSuffix", &mut self.name_suffix, &from.name_suffix),
            ("NameSpace", &mut self.namespace, &from.namespace),
            ("CommonAnnotations", &mut self.common_annotations, &from.common_annotations),
            ("CommonLabels", &mut self.common_labels, &from.common_labels),
            ("Labels", &mut self.labels, &from.labels),
            ("TemplateLabels", &mut self.template_labels, &from.template_labels),
            ("VolumeClaimTemplateLabels", &mut self.claim_labels, &from.claim_labels),
            ("VarReference", &mut self.var_references, &from.var_references),
            ("Images", &mut self.images, &from.images),
            ("Replicas", &mut self.replicas, &from.replicas),
        ];
        for (name, into, from) in lists {
            merge_specs(into, from).map_err(|e| failed(e, name))?;
        }
        for reference in &from.references {
            self.add_reference(reference).map_err(|e| failed(e, "NameReference"))?;
        }
        self.sort();
        Ok(())
    }

    pub(crate) fn add_reference(&mut self, reference: &Reference) -> Result<()> {
        match self.references.iter_mut().find(|old| old.target == reference.target) {
            Some(old) => merge_specs(&mut old.referrers, &reference.referrers),
            None => {
                self.references.push(reference.clone());
                Ok(())
            }
        }
    }

    /// kustomize keeps field specs in the order of its legacy sort of kinds.
    pub(crate) fn sort(&mut self) {
        let by_kind = |a: &FieldSpec, b: &FieldSpec| crate::sort::compare_gvk(&a.gvk, &b.gvk);
        for list in [
            &mut self.name_prefix,
            &mut self.name_suffix,
            &mut self.namespace,
            &mut self.common_labels,
            &mut self.labels,
            &mut self.template_labels,
            &mut self.claim_labels,
            &mut self.common_annotations,
            &mut self.var_references,
            &mut self.images,
            &mut self.replicas,
        ] {
            if !list.is_sorted_by(|a, b| by_kind(a, b).is_le()) {
                list.sort_by(by_kind);
            }
        }
        self.references.sort_by(|a, b| crate::sort::compare_gvk(&a.target, &b.target));
    }
}

fn failed(error: Error, what: &str) -> Error {
    error.wrap(format_args!("failed to merge {what} fieldSpec"))
}

/// *Invariant*: the texts are in the order of [`Config::sort`] and hold nothing that a merge would drop,
/// so that a build need neither sort nor compare them.
fn read_built_in() -> Config {
    let mut config = Config::default();
    let mut kinds = Kinds::default();
    let mut heading = "";
    for line in include_str!("facts/fieldspecs.txt").lines() {
        match line.strip_suffix(':') {
            Some(key) => heading = key,
            None => config.specs_mut(heading).expect("the table has no other headings").push(kinds.read_spec(line)),
        }
    }
    for line in include_str!("facts/references.txt").lines() {
        match line.strip_suffix(':') {
            Some(target) => config.references.push(Reference { target: read_gvk(target), referrers: Vec::new() }),
            None => config.references.last_mut().expect("a heading comes first").referrers.push(kinds.read_spec(line)),
        }
    }
    config
}

/// The kinds of a table by their texts: most lines are for the same kind as the line before.
#[derive(Default)]
struct Kinds {
    last: &'static str,
    gvk: Gvk,
}

impl Kinds {
    fn read_spec(&mut self, line: &'static str) -> FieldSpec {
        let mut words = line.split_ascii_whitespace();
        let (path, kind) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if kind != self.last {
            (self.last, self.gvk) = (kind, read_gvk(kind));
        }
        FieldSpec::new(self.gvk.clone(), path, words.next().is_some())
    }
}

/// Reads `GROUP/VERSION/KIND`; the group may itself hold a slash (one of kustomize's does).
fn read_gvk(text: &str) -> Gvk {
    let mut parts = text.rsplitn(3, '/').map(|part| if part == "*" { "" } else { part });
    let (kind, version, group) =
        (parts.next().unwrap_or_default(), parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    Gvk::new(group, version, kind)
}

#[cfg(test)]
mod tests;
