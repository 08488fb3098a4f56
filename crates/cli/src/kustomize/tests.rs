use clap::Parser;

use super::*;

#[derive(Parser, Debug)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    #[command(subcommand)]
    Kustomize(KustomizeCommand),
}

fn plain(line: &str) -> Option<String> {
    KustomizeCommand::plain(line.split(' ').map(OsString::from)).map(|command| format!("{command:?}"))
}

#[test]
fn a_plain_build_is_read_as_the_grammar_reads_it() {
    for line in [
        "kustomize build",
        "kustomize build shop/overlays/prod",
        "kustomize build .",
        "kustomize build --load-restrictor=LoadRestrictionsNone shop",
        "kustomize build shop --load-restrictor LoadRestrictionsNone",
        "kustomize build shop --enable-helm --reorder legacy",
        "kustomize build --reorder=none --enable-helm",
    ] {
        let Command::Kustomize(command) =
            Cli::try_parse_from(["belay"].into_iter().chain(line.split(' '))).expect("the line is right").command;
        assert_eq!(plain(line), Some(format!("{command:?}")), "{line}");
    }
}

#[test]
fn any_other_line_is_the_grammars() {
    for line in [
        "kustomize",
        "kustomize build -h",
        "kustomize build a b",
        "kustomize build a --help",
        "kustomize edit fix",
        "kustomize build -- a",
        "kustomize build --load-restrictor",
        "kustomize build --load-restrictor a",
        "kustomize build a --reorder=legacy --reorder=none",
        "kustomize build a --enable-helm=true",
        "kustomize build --output=b a",
        "kustomize build ",
    ] {
        assert_eq!(plain(line), None, "{line}");
    }
}
