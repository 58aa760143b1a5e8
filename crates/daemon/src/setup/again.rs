//! Parts of the first start, done again while the daemon runs: what `xcatconfig` asks for. One at a time.

use std::sync::Arc;

use base::{Clock, ErrorKind, Failure};
use commands::{BoxFuture, Overwrite, Part};
use model::Machine;
use store::{Origin, Store};
use tables::{Patch, Row, Snapshot, TableId, ids};
use tokio::sync::Mutex;

use crate::config::Config;
use crate::setup::certificates::{self, Certificates, Places};
use crate::setup::machine::Texts;
use crate::setup::notices::Notices;
use crate::setup::plan::{Facts, plan};
use crate::setup::seeds::{self, Seeds};
use crate::setup::start::Past;
use crate::setup::{self, ssh_keys};

/// The tables whose first rows belong to the product.
const DEFAULTS: [TableId; 3] = [ids::SITE, ids::POLICY, ids::POSTSCRIPTS];

/// This machine, with what the set-up works on.
pub(crate) struct ThisMachine {
    config: Config,
    store: Store,
    clock: Arc<dyn Clock>,
    turn: Mutex<()>,
}

impl ThisMachine {
    pub(crate) fn new(config: &Config, store: &Store, clock: Arc<dyn Clock>) -> Self {
        Self { config: config.clone(), store: store.clone(), clock, turn: Mutex::new(()) }
    }

    /// Also first rows of tables that were emptied: they were asked for.
    async fn missing(&self, origin: Origin) -> Result<Vec<String>, Failure> {
        let config = &self.config;
        let (texts, mut notices) = (Texts::read(), Notices::default());
        setup::directories(config)?;
        let certificates = self.certificates(&texts, &mut notices)?;
        let replaced = ssh_keys::ensure(&setup::ssh_place(config, &texts), self.past()).await?;
        if let Some(replaced) = replaced {
            notices.warn(replaced.to_string());
        }
        setup::install_postscripts(config)?;
        let before = self.store.snapshot();
        let had = seeds::begin(&config.state, &before).map_err(|error| setup::internal(&error))?;
        let root_password = setup::password_for(&Seeds::default(), &before)?;
        let facts = setup::gather(config, &texts, &certificates);
        let facts = Facts { root_password, ..facts };
        let decide = move |snapshot: &Snapshot| plan(&facts, snapshot, &Seeds::default());
        let done = self.change(origin, "completed", decide).await?;
        seeds::keep(&config.state, &had, &self.store.snapshot())
            .map_err(|error| setup::internal(&error))?;
        Ok(notices.into_lines().into_iter().chain(done).collect())
    }

    fn past(&self) -> Past {
        Past::of(&self.store.snapshot())
    }

    fn certificates(&self, texts: &Texts, notices: &mut Notices) -> Result<Certificates, Failure> {
        setup::prepare_certificates(&self.config, texts, &*self.clock, self.past(), notices)
    }

    async fn ssh_keys(&self) -> Result<Vec<String>, Failure> {
        let place = setup::ssh_place(&self.config, &Texts::read());
        ssh_keys::renew(&place).await?;
        let public = place.home.join(".ssh/id_ed25519.pub");
        Ok(vec![
            format!("Generated {}.", public.display()),
            "Nodes take the new key when they boot; until then they know the old one only."
                .to_owned(),
        ])
    }

    /// An authority that cannot issue certificates is found before the old ones are gone.
    fn credentials(&self) -> Result<Vec<String>, Failure> {
        let (texts, mut notices) = (Texts::read(), Notices::default());
        self.certificates(&texts, &mut notices)?;
        certificates::forget(&Places::new(&self.config.state))?;
        self.certificates(&texts, &mut notices)?;
        let client = self.config.home.join(".xcat/client-cred.pem");
        let done = [
            format!("Issued {} and the certificate of the server.", client.display()),
            "The server's is served after a restart of the management node.".to_owned(),
        ];
        Ok(notices.into_lines().into_iter().chain(done).collect())
    }

    async fn defaults(&self, overwrite: Overwrite, origin: Origin) -> Result<Vec<String>, Failure> {
        let (texts, mut notices) = (Texts::read(), Notices::default());
        let certificates = self.certificates(&texts, &mut notices)?;
        let facts = setup::gather(&self.config, &texts, &certificates);
        let verb = match overwrite {
            Overwrite::Never => "completed",
            Overwrite::Always => "reset",
        };
        let decide = move |snapshot: &Snapshot| defaults(&facts, snapshot, overwrite);
        let done = self.change(origin, verb, decide).await?;
        Ok(notices.into_lines().into_iter().chain(done).collect())
    }

    /// Commits what `decide` makes of the tables and tells which ones it changed.
    async fn change(
        &self,
        origin: Origin,
        verb: &str,
        decide: impl FnOnce(&Snapshot) -> Patch + Send + 'static,
    ) -> Result<Vec<String>, Failure> {
        let before = self.store.snapshot();
        self.store.update(origin, |snapshot| Ok::<_, Failure>(decide(snapshot))).await?;
        let after = self.store.snapshot();
        let changed = TableId::all()
            .filter(|table| before.table_generation(*table) != after.table_generation(*table));
        Ok(changed.map(|table| format!("The table {} was {verb}.", table.name())).collect())
    }
}

impl commands::Host for ThisMachine {
    fn machine(&self) -> Machine {
        Texts::read().machine()
    }

    fn set_up(&self, part: Part, origin: Origin) -> BoxFuture<'_, Result<Vec<String>, Failure>> {
        Box::pin(async move {
            let Ok(_turn) = self.turn.try_lock() else {
                let text = "another xcatconfig is running";
                return Err(Failure::new(ErrorKind::Conflict, text).hint("wait until it has ended"));
            };
            match part {
                Part::Missing => self.missing(origin).await,
                Part::SshKeys => self.ssh_keys().await,
                Part::Credentials => self.credentials(),
                Part::Defaults(overwrite) => self.defaults(overwrite, origin).await,
            }
        })
    }
}

/// The rows of a first start in the tables of the product: those that are missing, or all of them.
fn defaults(facts: &Facts, snapshot: &Snapshot, overwrite: Overwrite) -> Patch {
    let mut patch = Patch::new();
    let all = plan(facts, &Snapshot::empty(), &Seeds::default());
    let Ok((first, _)) = Snapshot::empty().apply(&all) else { return patch };
    for row in DEFAULTS.into_iter().flat_map(|table| first.rows(table)) {
        let key: Vec<&str> = row.key().collect();
        let known = snapshot.row(row.table(), &key);
        let differs =
            known.is_some_and(|known| overwrite == Overwrite::Always && !agrees(known, row));
        if known.is_none() || differs {
            let cells: Vec<(&str, Option<&str>)> =
                row.cells().map(|(column, text)| (column, Some(&**text))).collect();
            patch.set(row.table(), &key, &cells);
        }
    }
    patch
}

/// Whether a row says everything that the default says.
fn agrees(known: &Row, default: &Row) -> bool {
    default.cells().all(|(column, text)| known.get(column) == Some(&**text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_rows_come_back_and_others_only_when_they_are_forced() {
        let facts = Facts { domain: Some("a.b".to_owned()), ..Facts::default() };
        let all = plan(&facts, &Snapshot::empty(), &Seeds::default());
        let first = Snapshot::empty().apply(&all).unwrap().0;
        let mut edits = Patch::new();
        edits.set(ids::SITE, &["domain"], &[("value", Some("c.d"))]);
        edits.set(ids::SITE, &["own"], &[("value", Some("1"))]);
        edits.delete(ids::SITE, &["dhcplease"]).delete(ids::POLICY, &["4.9"]);
        let edited = first.apply(&edits).unwrap().0;
        let after = |overwrite| edited.apply(&defaults(&facts, &edited, overwrite)).unwrap().0;
        let kept = after(Overwrite::Never);
        assert_eq!((kept.site("domain"), kept.site("dhcplease")), (Some("c.d"), Some("43200")));
        assert!(kept.row(ids::POLICY, &["4.9"]).is_some());
        let reset = after(Overwrite::Always);
        assert_eq!((reset.site("domain"), reset.site("own")), (Some("a.b"), Some("1")));
        assert!(defaults(&facts, &reset, Overwrite::Always).is_empty());
    }
}
