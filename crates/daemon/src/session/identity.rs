//! Who sends a request: the peer of the connection, or whoever it proves to be by a password or a token.

use std::time::Duration;

use base::{ErrorKind, Failure, Secret, Timestamp};
use store::Origin;
use tables::Snapshot;
use wire::xml::Element;

use crate::session::answer::{done, refusal};
use crate::session::login::{self, Credentials, Login};
use crate::session::peer::Peer;
use crate::session::request::Request;
use crate::session::server::Server;

/// How long a peer waits after a wrong password.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Who sends a request.
pub(crate) enum Recognized {
    /// This peer.
    Peer(Peer),
    /// The request is answered with that: it was about a login, or the login failed.
    Answered(Element),
}

impl Server {
    /// Finds out who sends `request`: the peer of the connection, or whoever it proves to be by a password or a token.
    pub(crate) async fn recognize(&self, request: &Request, peer: &Peer) -> Recognized {
        let (snapshot, now) = (self.services.store.snapshot(), self.clock.now());
        let failed = || Recognized::Answered(refusal("Authentication failure"));
        let proven = |identity| Recognized::Peer(Peer { identity: Some(identity), ..peer.clone() });
        match request.login.clone() {
            None => Recognized::Peer(peer.clone()),
            Some(Login::Become(credentials)) => match self.proven(credentials, peer).await {
                Some(user) => proven(user),
                None => failed(),
            },
            Some(Login::GetToken(credentials)) => match self.proven(credentials, peer).await {
                Some(user) => self.give_token(user, now).await.map_or_else(
                    |failure| Recognized::Answered(refusal(&failure.to_string())),
                    |token| Recognized::Answered(done(None).with(token)),
                ),
                None => failed(),
            },
            Some(Login::Token(id)) => match login::owner(&snapshot, id.expose(), now) {
                Some((user, _)) => {
                    self.note_use(id, user.clone(), now).await;
                    proven(user)
                }
                None => failed(),
            },
        }
    }

    /// The user, if the password is right; a wrong one costs time, so that guessing is slow.
    async fn proven(&self, credentials: Credentials, peer: &Peer) -> Option<String> {
        let snapshot = self.services.store.snapshot();
        let user = credentials.username.clone();
        let right = tokio::task::spawn_blocking(move || credentials.are_right(&snapshot)).await;
        if right.unwrap_or(false) {
            return Some(user);
        }
        tracing::warn!(%peer, user, "a login failed");
        tokio::time::sleep(AFTER_FAILURE).await;
        None
    }

    async fn give_token(&self, user: String, now: Timestamp) -> Result<Element, Failure> {
        let id =
            login::token_id().map_err(|error| Failure::from_error(ErrorKind::Internal, &error))?;
        let origin = Origin::new(user.clone(), "gettoken");
        let decide = move |snapshot: &Snapshot| {
            Ok::<_, Failure>(login::new_token(snapshot, &user, &id, now))
        };
        Ok(self.services.store.update_with(origin, decide).await?.1)
    }

    async fn note_use(&self, id: Secret<String>, user: String, now: Timestamp) {
        let decide = move |snapshot: &Snapshot| {
            let owner = login::owner(snapshot, id.expose(), now);
            Ok::<_, Failure>(owner.map(|(_, patch)| patch).unwrap_or_default())
        };
        let noted =
            self.services.store.update(Origin::report(user, "use of a token"), decide).await;
        if let Err(error) = noted {
            tracing::error!(error = %Failure::from(error), "the use of a token cannot be noted");
        }
    }
}
