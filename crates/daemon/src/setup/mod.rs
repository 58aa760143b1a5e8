//! The management node configures itself: at the first start it fills the tables from the machine, makes its
//! certificates and keys, and links them where xCAT's scripts look for them; at later starts it puts back what is
//! missing. The decision is [`plan::plan`]; this file gathers its facts and performs it.

mod advice;
mod again;
mod certificates;
mod files;
mod machine;
mod moves;
mod notices;
mod plan;
mod postscripts;
mod seeds;
mod ssh_keys;
mod start;

use std::path::Path;

use base::{Clock, ErrorKind, Failure, Secret, chain};
use sha_crypt::{PasswordHasher, ShaCrypt};
use store::{Origin, Store};

use crate::config::Config;
pub(crate) use again::ThisMachine;
pub(crate) use certificates::Certificates;
use certificates::Places;
use machine::Texts;
use notices::Notices;
use plan::{Facts, nobody_may, plan};
use postscripts::{Postscripts, names_in};
use seeds::Seeds;
use ssh_keys::SshPlace;
use start::Past;
use tables::{Snapshot, ids};

/// Names a file whose first line is the password of root.
const PASSWORD_FILE: &str = "XCAT_ROOT_PASSWORD_FILE";
const DEFAULT_PASSWORD: &str = "cluster";

/// Brings tables, certificates and keys into being; returns what the TLS service needs.
pub(crate) async fn run(
    config: &Config,
    store: &Store,
    clock: &dyn Clock,
) -> Result<Certificates, Failure> {
    let texts = Texts::read();
    let mut notices = Notices::default();
    let seeds = seeds::begin(&config.state, &store.snapshot()).map_err(|error| internal(&error))?;
    start::restore(config, store, &mut notices).await?;
    directories(config)?;
    let past = Past::of(&store.snapshot());
    let certificates = prepare_certificates(config, &texts, clock, past, &mut notices)?;
    match ssh_keys::ensure(&ssh_place(config, &texts), past).await {
        Ok(None) => {}
        Ok(Some(replaced)) => notices.warn(replaced.to_string()),
        Err(failure) => notices.warn(format!("nodes cannot be given root's ssh key: {failure}")),
    }
    install_postscripts(config)?;
    let facts = gather(config, &texts, &certificates);
    let machine = facts.machine.clone();
    start::follow(config, store, &machine, &mut notices).await?;
    complete(config, store, facts, seeds, &mut notices).await?;
    start::advise(config, &texts, &machine, store, &mut notices);
    Ok(certificates)
}

/// Gives the tables what they lack, and marks those that have had their first rows.
async fn complete(
    config: &Config,
    store: &Store,
    mut facts: Facts,
    seeds: Seeds,
    notices: &mut Notices,
) -> Result<(), Failure> {
    let snapshot = store.snapshot();
    facts.root_password = password_for(&seeds, &snapshot)?;
    if nobody_may(&snapshot) && !seeds.lack(ids::POLICY, &snapshot) {
        notices.warn("the policy table was emptied, so that nobody could run a command: root may again; xcatconfig -d puts the other rows back, without which nodes get no answers");
    }
    if !plan(&facts, &snapshot, &seeds).is_empty() {
        let origin = Origin::new("xcatd", "xcatd (first start)");
        let known = seeds.clone();
        let decide = move |snapshot: &Snapshot| Ok::<_, Failure>(plan(&facts, snapshot, &known));
        store.update(origin, decide).await?;
        tracing::info!("the tables were completed from this machine's configuration");
    }
    // Without the mark of a start that has changed the tables, the next one takes all of them for seeded.
    if let Err(error) = seeds::keep(&config.state, &seeds, &store.snapshot()) {
        notices.warn(format!(
            "which tables have had their first rows cannot be noted: {}",
            chain(&error)
        ));
    }
    Ok(())
}

/// The crypted password of root on nodes, when the table is to get one; that takes a while.
fn password_for(seeds: &Seeds, snapshot: &Snapshot) -> Result<Option<Secret<String>>, Failure> {
    if seeds.lack(ids::PASSWD, snapshot) { root_password() } else { Ok(None) }
}

/// Where root's ssh keys belong.
fn ssh_place(config: &Config, texts: &Texts) -> SshPlace {
    SshPlace {
        state: config.state.clone(),
        home: config.home.clone(),
        install: config.install.clone(),
        host: texts.short_name().to_owned(),
    }
}

/// This machine's name without its domain.
pub(crate) fn short_host_name() -> String {
    Texts::read().short_name().to_owned()
}

fn directories(config: &Config) -> Result<(), Failure> {
    let install = ["", "postscripts", "netboot", "custom", "post", "prescripts"];
    let install = install.iter().map(|name| (config.install.join(name), 0o755));
    let others = [
        (config.state.clone(), 0o700),
        (config.log.clone(), 0o755),
        (config.log.join("nodes"), 0o755),
        (config.tftp.clone(), 0o755),
    ];
    for (directory, mode) in install.chain(others) {
        if !directory.is_dir() {
            files::directory(&directory, mode).map_err(|error| internal(&error))?;
        }
    }
    Ok(())
}

fn prepare_certificates(
    config: &Config,
    texts: &Texts,
    clock: &dyn Clock,
    past: Past,
    notices: &mut Notices,
) -> Result<Certificates, Failure> {
    let places = Places::new(&config.state);
    let short = texts.short_name().to_owned();
    let full = texts.domain().map(|domain| format!("{short}.{domain}"));
    let names: Vec<String> =
        std::iter::once(short).filter(|name| !name.is_empty()).chain(full).collect();
    let certificates = certificates::ensure(&places, &names, clock.now())?;
    if let Some(line) = certificates::notice(&places, certificates.origin, past) {
        notices.warn(line);
    }
    let links = [
        (places.authority(), config.etc.join("ca")),
        (places.server(), config.etc.join("cert")),
        (places.client(), config.home.join(".xcat")),
    ];
    for (target, place) in links {
        files::link(&target, &place).map_err(|error| internal(&error))?;
    }
    for published in ["postscripts/ca/ca-cert.pem", "postscripts/_xcat/ca.pem"] {
        let path = config.install.join(published);
        files::directory(path.parent().unwrap_or(&path), 0o755)
            .map_err(|error| internal(&error))?;
        files::ensure(&path, certificates.authority.as_bytes(), 0o644)
            .map_err(|error| internal(&error))?;
    }
    Ok(certificates)
}

/// Puts our postscripts where nodes fetch them.
fn install_postscripts(config: &Config) -> Result<(), Failure> {
    let shipped = config.share.join("postscripts");
    let scripts = Postscripts {
        place: config.install.join("postscripts"),
        installed: config.state.join("postscripts"),
        shipped: shipped.clone(),
    };
    for name in scripts.install().map_err(|error| internal(&error))? {
        tracing::warn!(postscript = name, ours = %shipped.join(&name).display(), "a postscript was changed here and is left as it is; compare it with ours");
    }
    Ok(())
}

fn gather(config: &Config, texts: &Texts, certificates: &Certificates) -> Facts {
    Facts {
        domain: texts.domain(),
        own_address: texts.own_address(),
        machine: texts.machine(),
        resolvers: texts.resolvers().iter().map(ToString::to_string).collect(),
        timezone: texts.timezone.clone(),
        root_password: None,
        certificate_name: certificates::server_name(certificates).unwrap_or_default(),
        postscripts: names_in(&config.install.join("postscripts")),
        install: config.install.clone(),
        tftp: config.tftp.clone(),
        share: config.share.clone(),
        etc: config.etc.clone(),
        client_port: config.listen.client,
        monitor_port: config.listen.monitor,
        http_port: config.listen.http,
        arch: arch().to_owned(),
    }
}

/// The crypted password of root on nodes. A file that was named and cannot be used leaves none: nodes whose root
/// cannot log in by password are better than nodes with a password that everybody knows.
fn root_password() -> Result<Option<Secret<String>>, Failure> {
    let Some(file) = std::env::var_os(PASSWORD_FILE).filter(|name| !name.is_empty()) else {
        return crypted(&Secret::new(DEFAULT_PASSWORD.to_owned())).map(Some);
    };
    match given_password(Path::new(&file)) {
        Ok(password) => crypted(&password).map(Some),
        Err(error) => {
            tracing::error!(file = %Path::new(&file).display(), %error, "root gets no password on nodes: {PASSWORD_FILE} names a file without one");
            Ok(None)
        }
    }
}

/// The first line of `file`.
fn given_password(file: &Path) -> std::io::Result<Secret<String>> {
    let text = std::fs::read_to_string(file)?;
    match text.lines().next().filter(|line| !line.is_empty()) {
        Some(line) => Ok(Secret::new(line.to_owned())),
        None => Err(std::io::Error::other("its first line is empty")),
    }
}

/// The password as `/etc/shadow` has it.
pub(crate) fn crypted(password: &Secret<String>) -> Result<Secret<String>, Failure> {
    let failed = |reason: String| {
        Failure::new(ErrorKind::Internal, format!("cannot crypt root's password: {reason}"))
    };
    let mut salt = [0; 12];
    getrandom::fill(&mut salt).map_err(|error| failed(error.to_string()))?;
    let hash = ShaCrypt::SHA512
        .hash_password_with_salt(password.expose().as_bytes(), &salt)
        .map_err(|error| failed(error.to_string()))?;
    Ok(Secret::new(hash.to_string()))
}

/// This machine's architecture as xCAT calls it.
fn arch() -> &'static str {
    match std::env::consts::ARCH {
        "powerpc64" => "ppc64le",
        other => other,
    }
}

fn internal(error: &files::FileError) -> Failure {
    Failure::new(ErrorKind::Internal, chain(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_file_without_a_password_gives_none() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("password");
        assert!(given_password(&file).is_err());
        std::fs::write(&file, "\nx\n").unwrap();
        assert!(given_password(&file).is_err());
        std::fs::write(&file, "s3cret\nx\n").unwrap();
        assert_eq!(given_password(&file).unwrap().expose(), "s3cret");
    }
}
