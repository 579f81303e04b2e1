use std::fmt::Write as _;

use clap::CommandFactory;

use super::*;

/// Every command that is shown, and the flags that its help shows: what all have in common left out.
const FLAGS: &str = "\
audit:
audit verify: config data json
bench: connections items json only
demo: json listen serve
import: config data from inbox no-route secrets-key-file threads
plugin:
plugin build: output
plugin check:
plugin keygen: output
plugin prove: department installation key title
plugin publish: department server signature token-file
plugin run: items json settings
plugin sign: key output
plugin verify: public-key signature
schema:
serve: config connections-per-peer data drain-grace-ms drain-timeout-ms listen log metrics secrets-key-file threads trusted-proxy
token:
token list: config data log secrets-key-file
token new: agent config data department expires-in-days log role secrets-key-file title
token revoke: config data log secrets-key-file
";

fn tell_flags(command: &clap::Command, path: &str, told: &mut String) {
    let mut commands: Vec<_> =
        command.get_subcommands().filter(|it| !it.is_hide_set() && it.get_name() != "help").collect();
    commands.sort_by_key(|it| it.get_name());
    for command in commands {
        let path = format!("{path}{}", command.get_name());
        let shown = command.get_arguments().filter(|it| !it.is_hide_set()).filter_map(|it| it.get_long());
        let mut flags: Vec<_> = shown.filter(|it| *it != "help").collect();
        flags.sort_unstable();
        // A flag that stands at a command of commands is shown at each of those too.
        let is_last = !command.has_subcommands();
        let flags: String = flags.iter().filter(|_| is_last).map(|it| format!(" {it}")).collect();
        writeln!(told, "{path}:{flags}").unwrap();
        tell_flags(command, &format!("{path} "), told);
    }
}

/// Whoever gives a command another flag sees it here.
#[test]
fn every_command_shows_the_flags_that_it_takes_and_no_others() {
    let mut command = Cli::command();
    command.build();
    command.clone().debug_assert();
    let mut told = String::new();
    tell_flags(&command, "", &mut told);
    assert_eq!(told, FLAGS);
}

#[test]
fn which_repository_is_meant_may_be_said_anywhere() {
    for line in [
        "switchboard --data d token list",
        "switchboard --data=d token list",
        "switchboard token --data d list",
        "switchboard token list --data d",
        "switchboard --config c --data d token list",
        "switchboard --data d --config=c token list",
    ] {
        let arguments = with_place_behind_command(line.split(' ').map(OsString::from));
        let cli = Cli::try_parse_from(arguments).unwrap_or_else(|refused| panic!("{line}: {refused}"));
        let Command::Token(token) = cli.command else { panic!("{line} is another command") };
        assert_eq!(token.data().unwrap().to_str(), Some("d"), "{line}");
    }
    for line in ["serve", "audit verify", "import --inbox i f"] {
        let line = format!("switchboard --data d {line}");
        let arguments = with_place_behind_command(line.split(' ').map(OsString::from));
        assert!(Cli::try_parse_from(arguments).is_ok(), "{line}");
    }
    for line in
        ["--data d schema case", "--data d plugin check x", "--data d", "--data d --data e token list"]
    {
        let line = format!("switchboard {line}");
        let arguments = with_place_behind_command(line.split(' ').map(OsString::from));
        let refused = Cli::try_parse_from(arguments).err().unwrap_or_else(|| panic!("{line} is taken"));
        assert!(refused.to_string().contains("--data"), "{line}: {refused}");
    }
}
