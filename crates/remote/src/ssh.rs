//! Commands on other machines through OpenSSH, which brings its own configuration, agents and
//! key types (docs/adr/0030). Never asks for a password and never forwards anything.

use std::path::PathBuf;
use std::time::Duration;

use crate::program::Program;

/// How to reach machines over ssh.
#[derive(Clone, Debug)]
pub struct SshOptions {
    /// The ssh program.
    pub program: PathBuf,
    /// The user there.
    pub user: String,
    /// The private key to offer; OpenSSH's own choice when none is named.
    pub identity: Option<PathBuf>,
    /// The port there, when it is not 22.
    pub port: Option<u16>,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long everything may take; no limit when none is named.
    pub deadline: Option<Duration>,
    /// Where the keys of hosts are checked against; no check when none is named.
    pub known_hosts: Option<PathBuf>,
    /// Further `-o` options, as `Name=value`.
    pub options: Vec<String>,
}

impl Default for SshOptions {
    fn default() -> Self {
        Self {
            program: PathBuf::from("ssh"),
            user: "root".to_owned(),
            identity: None,
            port: None,
            connect_timeout: Duration::from_secs(10),
            deadline: None,
            known_hosts: None,
            options: Vec::new(),
        }
    }
}

/// The program that runs `script` by the login shell of `host`. Its exit code is that of the
/// script; 255 means that ssh itself failed.
pub fn command(host: &str, options: &SshOptions, script: &str) -> Program {
    let mut program = Program::new(&options.program).args(["-n", "-T", "-x", "-a"]);
    for option in settings(options) {
        program = program.arg("-o").arg(option);
    }
    if let Some(identity) = &options.identity {
        program = program.arg("-i").arg(identity);
    }
    if let Some(port) = options.port {
        program = program.arg("-p").arg(port.to_string());
    }
    if let Some(deadline) = options.deadline {
        program = program.deadline(deadline);
    }
    // `--` keeps a host that begins with a dash from being read as an option
    program.arg("-l").arg(&options.user).arg("--").arg(host).arg(script)
}

fn settings(options: &SshOptions) -> Vec<String> {
    let mut settings = vec![
        "BatchMode=yes".to_owned(),
        format!("ConnectTimeout={}", options.connect_timeout.as_secs().max(1)),
        "ServerAliveInterval=15".to_owned(),
        "ServerAliveCountMax=4".to_owned(),
        "LogLevel=ERROR".to_owned(),
    ];
    match &options.known_hosts {
        Some(file) => settings.extend([
            "StrictHostKeyChecking=yes".to_owned(),
            format!("UserKnownHostsFile={}", file.display()),
        ]),
        None => settings.extend(
            [
                "StrictHostKeyChecking=no",
                "UserKnownHostsFile=/dev/null",
                "GlobalKnownHostsFile=/dev/null",
            ]
            .map(str::to_owned),
        ),
    }
    settings.extend(options.options.iter().cloned());
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(program: &Program) -> Vec<String> {
        program.arguments().map(|arg| arg.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn never_prompts_and_never_takes_a_host_for_an_option() {
        let words = words(&command("-oProxyCommand=evil", &SshOptions::default(), "uptime"));
        assert!(words.contains(&"BatchMode=yes".to_owned()));
        assert_eq!(words[words.len() - 3..], ["--", "-oProxyCommand=evil", "uptime"]);
    }

    #[test]
    fn a_known_hosts_file_turns_checking_on() {
        let options = SshOptions { known_hosts: Some("/k".into()), ..SshOptions::default() };
        let words = words(&command("n1", &options, "true"));
        assert!(words.contains(&"StrictHostKeyChecking=yes".to_owned()));
        assert!(words.contains(&"UserKnownHostsFile=/k".to_owned()));
    }
}
