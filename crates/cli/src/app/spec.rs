//! What flags say of an Application, put into its spec.

use anyhow::{Context, Result, bail};
use belay_argo::spec::{
    Automated, Backoff, Directory, DrySource, EnvEntry, Helm, HelmFileParameter, HelmParameter, HydrateTo, JsonnetVar,
    Kustomize, KustomizeReplica, Plugin, RetryStrategy, Source, SourceHydrator, Spec, SyncPolicy, SyncSource,
};
use belay_object::{Object, Value};

use crate::argocd::pairs;
use crate::args::AppSpecFlags;

/// Deeper than any field of an Application that has a name; what is below is taken as it is written.
const MAX_DEPTH: usize = 32;

/// Changes the spec of an object. Fields that are not known here stay as they are: a newer Argo CD has more.
pub fn rewrite(object: &mut Object, change: impl FnOnce(&mut Spec) -> Result<()>) -> Result<()> {
    let raw = object.get("spec").cloned().unwrap_or_else(Value::object);
    let before = Spec::read(&raw)?;
    let mut after = before.clone();
    change(&mut after)?;
    object.set(&["spec"], carried(&raw, &before.to_value(), &after.to_value(), 0));
    Ok(())
}

/// `after`, with what `raw` has beyond `before`.
fn carried(raw: &Value, before: &Value, after: &Value, depth: usize) -> Value {
    if before == after {
        return raw.clone();
    }
    if depth >= MAX_DEPTH {
        return after.clone();
    }
    match (raw, before, after) {
        (Value::Object(raw), Value::Object(before), Value::Object(after)) => {
            let mut all = raw.clone();
            before.keys().filter(|key| !after.contains_key(key)).for_each(|key| drop(all.remove(key)));
            for (key, value) in after.iter() {
                let value = match (raw.get(key), before.get(key)) {
                    (Some(raw), Some(before)) => carried(raw, before, value, depth + 1),
                    _ => value.clone(),
                };
                all.insert(key.clone(), value);
            }
            Value::Object(all)
        }
        (Value::Array(raw), Value::Array(before), Value::Array(after))
            if raw.len() == before.len() && before.len() == after.len() =>
        {
            let each = raw.iter().zip(before.iter()).zip(after.iter());
            each.map(|((raw, before), after)| carried(raw, before, after, depth + 1)).collect()
        }
        _ => after.clone(),
    }
}

/// Puts what the flags name into a spec. `position` is which of several sources they are about, from 1.
pub fn apply(flags: &AppSpecFlags, spec: &mut Spec, position: Option<usize>) -> Result<()> {
    let text = |to: &mut String, from: &Option<String>| {
        if let Some(from) = from {
            from.clone_into(to);
        }
    };
    text(&mut spec.project, &flags.project);
    if let Some(server) = &flags.dest_server {
        server.clone_into(&mut spec.destination.server);
        spec.destination.name.clear();
    }
    if let Some(name) = &flags.dest_name {
        name.clone_into(&mut spec.destination.name);
        spec.destination.server.clear();
    }
    text(&mut spec.destination.namespace, &flags.dest_namespace);
    if flags.revision_history_limit.is_some() {
        spec.revision_history_limit = flags.revision_history_limit;
    }
    policy(flags, spec)?;
    hydrator(flags, spec);
    match (spec.source_hydrator.is_some(), names_source(flags)) {
        (_, false) => Ok(()),
        (true, true) => bail!(
            "the application has a sourceHydrator, which these flags are not about: give --dry-source-repo, --dry-source-revision, --dry-source-path, or change it by `belay app edit`"
        ),
        (false, true) => source(flags, at(spec, position)?),
    }
}

/// The source that flags are about.
pub fn at(spec: &mut Spec, position: Option<usize>) -> Result<&mut Source> {
    if spec.has_multiple_sources() {
        let count = spec.sources.len();
        let Some(position) = position else {
            bail!("the application has {count} sources: say which by --source-position, from 1");
        };
        let place = position.checked_sub(1);
        return place
            .and_then(|place| spec.sources.get_mut(place))
            .with_context(|| format!("source-position cannot be less than 1 or more than {count}: {position}"));
    }
    if let Some(position) = position.filter(|p| *p != 1) {
        bail!("the application has one source, and none at position {position}");
    }
    Ok(spec.source.get_or_insert_default())
}

/// Whether any flag is about a source.
fn names_source(flags: &AppSpecFlags) -> bool {
    // What is about the rest of a spec, as it was given; whatever else was given is about a source.
    let rest = AppSpecFlags {
        project: flags.project.clone(),
        dest_server: flags.dest_server.clone(),
        dest_name: flags.dest_name.clone(),
        dest_namespace: flags.dest_namespace.clone(),
        revision_history_limit: flags.revision_history_limit,
        sync_policy: flags.sync_policy.clone(),
        sync_option: flags.sync_option.clone(),
        auto_prune: flags.auto_prune,
        self_heal: flags.self_heal,
        allow_empty: flags.allow_empty,
        sync_retry_limit: flags.sync_retry_limit,
        sync_retry_backoff_duration: flags.sync_retry_backoff_duration.clone(),
        sync_retry_backoff_factor: flags.sync_retry_backoff_factor,
        sync_retry_backoff_max_duration: flags.sync_retry_backoff_max_duration.clone(),
        sync_retry_refresh: flags.sync_retry_refresh,
        dry_source_repo: flags.dry_source_repo.clone(),
        dry_source_revision: flags.dry_source_revision.clone(),
        dry_source_path: flags.dry_source_path.clone(),
        sync_source_branch: flags.sync_source_branch.clone(),
        sync_source_path: flags.sync_source_path.clone(),
        hydrate_to_branch: flags.hydrate_to_branch.clone(),
        ..AppSpecFlags::default()
    };
    *flags != rest
}

fn policy(flags: &AppSpecFlags, spec: &mut Spec) -> Result<()> {
    let automation = [flags.auto_prune, flags.self_heal, flags.allow_empty];
    let says_automation = automation.iter().any(Option::is_some);
    let retry = [
        flags.sync_retry_limit.is_some(),
        flags.sync_retry_backoff_duration.is_some(),
        flags.sync_retry_backoff_factor.is_some(),
        flags.sync_retry_backoff_max_duration.is_some(),
        flags.sync_retry_refresh.is_some(),
    ];
    let says_retry = retry.contains(&true);
    if flags.sync_policy.is_none() && flags.sync_option.is_empty() && !says_automation && !says_retry {
        return Ok(());
    }
    let policy = spec.sync_policy.get_or_insert_default();
    match flags.sync_policy.as_deref() {
        None => {}
        Some("none" | "manual") => policy.automated = None,
        Some("auto" | "automated" | "automatic") => drop(policy.automated.get_or_insert_default()),
        Some(other) => bail!("Invalid sync-policy: {other}: it is none, manual, auto or automated"),
    }
    for option in &flags.sync_option {
        if let Some(gone) = option.strip_prefix('!') {
            policy.sync_options.retain(|own| own != gone);
        } else if !option.contains('=') {
            bail!("{option:?} is no Name=value");
        } else if !policy.sync_options.contains(option) {
            policy.sync_options.push(option.clone());
        }
    }
    if says_automation {
        // Compat(argocd 3.5): where no syncs are automated, this turns none on.
        let off = || Automated { enabled: Some(false), ..Automated::default() };
        let automated: &mut Automated = policy.automated.get_or_insert_with(off);
        for (flag, field) in [
            (flags.auto_prune, &mut automated.prune),
            (flags.self_heal, &mut automated.self_heal),
            (flags.allow_empty, &mut automated.allow_empty),
        ] {
            *field = flag.or(*field);
        }
    }
    if says_retry {
        put_retry(flags, policy);
    }
    if *policy == SyncPolicy::default() {
        spec.sync_policy = None;
    }
    Ok(())
}

fn put_retry(flags: &AppSpecFlags, policy: &mut SyncPolicy) {
    if flags.sync_retry_limit == Some(0) {
        policy.retry = None;
        return;
    }
    // Compat(argocd 3.5): the defaults of its flags.
    let fresh = || Backoff { duration: "5s".into(), factor: Some(2), max_duration: "3m0s".into() };
    let retry: &mut RetryStrategy = policy.retry.get_or_insert_default();
    if let Some(limit) = flags.sync_retry_limit {
        retry.limit = limit;
    }
    retry.refresh = flags.sync_retry_refresh.unwrap_or(retry.refresh);
    let backoff = retry.backoff.get_or_insert_with(fresh);
    if let Some(duration) = &flags.sync_retry_backoff_duration {
        duration.clone_into(&mut backoff.duration);
    }
    if let Some(longest) = &flags.sync_retry_backoff_max_duration {
        longest.clone_into(&mut backoff.max_duration);
    }
    backoff.factor = flags.sync_retry_backoff_factor.or(backoff.factor);
}

fn hydrator(flags: &AppSpecFlags, spec: &mut Spec) {
    let named = [
        &flags.dry_source_repo,
        &flags.dry_source_revision,
        &flags.dry_source_path,
        &flags.sync_source_branch,
        &flags.sync_source_path,
        &flags.hydrate_to_branch,
    ];
    if named.iter().all(|flag| flag.is_none()) {
        return;
    }
    let known: &mut SourceHydrator = spec.source_hydrator.get_or_insert_default();
    let put = |to: &mut String, from: &Option<String>| {
        if let Some(from) = from {
            from.clone_into(to);
        }
    };
    let dry: &mut DrySource = &mut known.dry_source;
    put(&mut dry.repo_url, &flags.dry_source_repo);
    put(&mut dry.target_revision, &flags.dry_source_revision);
    put(&mut dry.path, &flags.dry_source_path);
    let sync: &mut SyncSource = &mut known.sync_source;
    put(&mut sync.target_branch, &flags.sync_source_branch);
    put(&mut sync.path, &flags.sync_source_path);
    if let Some(branch) = &flags.hydrate_to_branch {
        known.hydrate_to = (!branch.is_empty()).then(|| HydrateTo { target_branch: branch.clone() });
    }
}

fn source(flags: &AppSpecFlags, source: &mut Source) -> Result<()> {
    for (to, from) in [
        (&mut source.repo_url, &flags.repo),
        (&mut source.path, &flags.path),
        (&mut source.target_revision, &flags.revision),
        (&mut source.chart, &flags.helm_chart),
        (&mut source.tag_prefix, &flags.tag_prefix),
        (&mut source.name, &flags.source_name),
        (&mut source.reference, &flags.reference),
    ] {
        if let Some(from) = from {
            from.clone_into(to);
        }
    }
    let mut block = source.helm.clone().unwrap_or_default();
    helm(flags, &mut block)?;
    source.helm = (*block != Helm::default()).then_some(block);
    let mut block = source.kustomize.clone().unwrap_or_default();
    kustomize(flags, &mut block)?;
    source.kustomize = (*block != Kustomize::default()).then_some(block);
    let mut block = source.directory.clone().unwrap_or_default();
    directory(flags, &mut block)?;
    source.directory = (*block != Directory::default()).then_some(block);
    if flags.config_management_plugin.is_some() || !flags.plugin_env.is_empty() {
        plugin(flags, source.plugin.get_or_insert_default())?;
    }
    Ok(())
}

fn helm(flags: &AppSpecFlags, helm: &mut Helm) -> Result<()> {
    for (to, from) in [
        (&mut helm.release_name, &flags.release_name),
        (&mut helm.version, &flags.helm_version),
        (&mut helm.namespace, &flags.helm_namespace),
        (&mut helm.kube_version, &flags.helm_kube_version),
    ] {
        if let Some(from) = from {
            from.clone_into(to);
        }
    }
    if !flags.values.is_empty() {
        helm.value_files.clone_from(&flags.values);
    }
    if let Some(file) = &flags.values_literal_file {
        helm.values = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
        helm.values_object = Value::Null;
    }
    if !flags.helm_api_versions.is_empty() {
        helm.api_versions.clone_from(&flags.helm_api_versions);
    }
    for (to, flag) in [
        (&mut helm.ignore_missing_value_files, flags.ignore_missing_value_files),
        (&mut helm.pass_credentials, flags.helm_pass_credentials),
        (&mut helm.skip_crds, flags.helm_skip_crds),
        (&mut helm.skip_tests, flags.helm_skip_tests),
        (&mut helm.skip_schema_validation, flags.helm_skip_schema_validation),
    ] {
        put(to, flag);
    }
    let plain = pairs(&flags.parameter)?.into_iter().chain(pairs(&flags.helm_set)?).map(|pair| (pair, false));
    let strings = pairs(&flags.helm_set_string)?.into_iter().map(|pair| (pair, true));
    for ((name, value), force_string) in plain.chain(strings) {
        let parameter = HelmParameter { name, value, force_string };
        match helm.parameters.iter_mut().find(|p| p.name == parameter.name) {
            Some(known) => *known = parameter,
            None => helm.parameters.push(parameter),
        }
    }
    for (name, path) in pairs(&flags.helm_set_file)? {
        helm.file_parameters.retain(|p| p.name != name);
        helm.file_parameters.push(HelmFileParameter { name, path });
    }
    Ok(())
}

fn kustomize(flags: &AppSpecFlags, kustomize: &mut Kustomize) -> Result<()> {
    for (to, from) in [
        (&mut kustomize.name_prefix, &flags.nameprefix),
        (&mut kustomize.name_suffix, &flags.namesuffix),
        (&mut kustomize.version, &flags.kustomize_version),
        (&mut kustomize.namespace, &flags.kustomize_namespace),
        (&mut kustomize.kube_version, &flags.kustomize_kube_version),
    ] {
        if let Some(from) = from {
            from.clone_into(to);
        }
    }
    for (to, flag) in [
        (&mut kustomize.force_common_labels, flags.kustomize_force_common_label),
        (&mut kustomize.force_common_annotations, flags.kustomize_force_common_annotation),
        (&mut kustomize.label_without_selector, flags.kustomize_label_without_selector),
        (&mut kustomize.label_include_templates, flags.kustomize_label_include_templates),
        (&mut kustomize.ignore_missing_components, flags.ignore_missing_components),
    ] {
        put(to, flag);
    }
    if !flags.kustomize_api_versions.is_empty() {
        kustomize.api_versions.clone_from(&flags.kustomize_api_versions);
    }
    for image in &flags.kustomize_image {
        let name = image_name(image);
        kustomize.images.retain(|own| image_name(own) != name);
        kustomize.images.push(image.clone());
    }
    for (name, count) in pairs(&flags.kustomize_replica)? {
        let count = count.parse::<i64>().map(Value::from).unwrap_or_else(|_| Value::from(count));
        kustomize.replicas.retain(|own| own.name != name);
        kustomize.replicas.push(KustomizeReplica { name, count });
    }
    kustomize.common_labels.extend(pairs(&flags.kustomize_common_label)?);
    kustomize.common_annotations.extend(pairs(&flags.kustomize_common_annotation)?);
    Ok(())
}

/// The image that an override is about: `name=image:tag`, `image:tag`, `image@digest`.
pub fn image_name(text: &str) -> &str {
    if let Some((name, _)) = text.split_once('=') {
        return name;
    }
    let bare = text.split('@').next().unwrap_or_default();
    let after_slash = bare.rfind('/').map_or(0, |at| at + 1);
    bare[after_slash..].find(':').map_or(bare, |at| &bare[..after_slash + at])
}

/// Sets a flag that was said.
fn put(to: &mut bool, flag: Option<bool>) {
    *to = flag.unwrap_or(*to);
}

fn directory(flags: &AppSpecFlags, directory: &mut Directory) -> Result<()> {
    put(&mut directory.recurse, flags.directory_recurse);
    put(&mut directory.disable_extension_filter, flags.directory_disable_extension_filter);
    for (to, from) in
        [(&mut directory.include, &flags.directory_include), (&mut directory.exclude, &flags.directory_exclude)]
    {
        if let Some(from) = from {
            from.clone_into(to);
        }
    }
    let jsonnet = &mut directory.jsonnet;
    for (list, texts, code) in
        [(&mut jsonnet.tlas, &flags.jsonnet_tla_str, false), (&mut jsonnet.ext_vars, &flags.jsonnet_ext_var_str, false)]
    {
        put_vars(list, texts, code)?;
    }
    for (list, texts, code) in
        [(&mut jsonnet.tlas, &flags.jsonnet_tla_code, true), (&mut jsonnet.ext_vars, &flags.jsonnet_ext_var_code, true)]
    {
        put_vars(list, texts, code)?;
    }
    if !flags.jsonnet_libs.is_empty() {
        jsonnet.libs.clone_from(&flags.jsonnet_libs);
    }
    Ok(())
}

fn put_vars(list: &mut Vec<JsonnetVar>, texts: &[String], code: bool) -> Result<()> {
    for (name, value) in pairs(texts)? {
        list.retain(|own| own.name != name);
        list.push(JsonnetVar { name, value, code });
    }
    Ok(())
}

fn plugin(flags: &AppSpecFlags, plugin: &mut Plugin) -> Result<()> {
    if let Some(name) = &flags.config_management_plugin {
        name.clone_into(&mut plugin.name);
    }
    for (name, value) in pairs(&flags.plugin_env)? {
        plugin.env.retain(|own| own.name != name);
        plugin.env.push(EnvEntry { name, value });
    }
    Ok(())
}
