//! Peers that prove by a password or a token who they are (spec/protocol.md section 3): `becomeuser`, `gettoken`,
//! `tokens`. Pure decisions over the tables; the gate performs what they say.
//!
//! Users are the rows of `passwd` with the key `xcat`. A stored hash is compared by hashing only: unlike in the
//! original, whoever has read the hash cannot log in with it.

use base::{Secret, Timestamp};
use sha_crypt::{PasswordVerifier, ShaCrypt};
use tables::{Patch, Snapshot, ids};
use wire::xml::Element;

/// The longest password that is hashed.
const LONGEST: usize = 256;
/// How long a token lives, in days, unless `site.tokenexpiredays` says otherwise.
const DAYS: f64 = 1.0;
const DAY_MILLIS: f64 = 24.0 * 60.0 * 60.0 * 1000.0;
/// What is written for a token that does not end.
const NEVER: &str = "never";
/// xCAT's times in this table have no leading zeros.
const TIME: &str = "%-Y-%-m-%-d %-H:%-M:%-S";

/// How a request wants to prove who sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Login {
    /// By a password, for this request.
    Become(Credentials),
    /// By a password, to get a token.
    GetToken(Credentials),
    /// By a token.
    Token(Secret<String>),
}

/// A user's name and password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) username: String,
    pub(crate) password: Secret<String>,
}

impl Login {
    /// Reads it from a request document; what is missing is empty, and proves nothing.
    pub(crate) fn read(root: &Element) -> Option<Self> {
        let text = |parent: &Element, name| parent.text_of(name).unwrap_or_default().to_owned();
        let credentials = |parent: &Element| Credentials {
            username: text(parent, "username"),
            password: Secret::new(text(parent, "password")),
        };
        if let Some(parent) = root.child("gettoken") {
            return Some(Self::GetToken(credentials(parent)));
        }
        if let Some(parent) = root.child("tokens") {
            return Some(Self::Token(Secret::new(text(parent, "tokenid"))));
        }
        root.child("becomeuser").map(|parent| Self::Become(credentials(parent)))
    }
}

impl Credentials {
    /// Whether `passwd` has this user with this password.
    pub(crate) fn are_right(&self, snapshot: &Snapshot) -> bool {
        let given = self.password.expose().as_bytes();
        let row = snapshot.row(ids::PASSWD, &["xcat", &self.username]);
        let stored = row.filter(|row| row.enabled()).and_then(|row| row.get("password"));
        match stored {
            None | Some("") => false,
            Some(_) if given.is_empty() || given.len() > LONGEST => false,
            Some(hash) if hash.starts_with('$') => {
                ShaCrypt::default().verify_password(given, hash).is_ok()
            }
            Some(clear) => same(clear.as_bytes(), given),
        }
    }
}

/// Compares without telling by its duration where the difference is.
fn same(left: &[u8], right: &[u8]) -> bool {
    let differences = left.iter().zip(right).fold(0, |sum, (a, b)| sum | (a ^ b));
    left.len() == right.len() && differences == 0
}

/// A new token: its row, without those that are past their time, and what the client is told.
pub(crate) fn new_token(
    snapshot: &Snapshot,
    username: &str,
    id: &str,
    now: Timestamp,
) -> (Patch, Element) {
    let mut patch = Patch::new();
    for row in snapshot.rows(ids::TOKEN) {
        let (Some(old), expire) = (row.get("tokenid"), row.get("expire").unwrap_or_default())
        else {
            continue;
        };
        if is_past(expire, now) {
            patch.delete(ids::TOKEN, &[old]);
        }
    }
    let expire = end_of(snapshot, now).map_or_else(|| NEVER.to_owned(), written);
    let created = written(now);
    let cells =
        [("username", Some(username)), ("expire", Some(&*expire)), ("created", Some(&*created))];
    patch.set(ids::TOKEN, &[id], &cells);
    let token = Element::new("token").with_leaf("id", id).with_leaf("expire", expire);
    (patch, Element::new("data").with(token))
}

/// Whose token this is, and the note of its use.
pub(crate) fn owner(snapshot: &Snapshot, id: &str, now: Timestamp) -> Option<(String, Patch)> {
    let row = snapshot.row(ids::TOKEN, &[id]).filter(|row| row.enabled())?;
    let (username, expire) = (row.get("username")?, row.get("expire")?);
    if username.is_empty() || is_past(expire, now) {
        return None;
    }
    let mut patch = Patch::new();
    patch.set(ids::TOKEN, &[id], &[("access", Some(&written(now)))]);
    Some((username.to_owned(), patch))
}

/// When a token that is made now ends; nothing for never.
fn end_of(snapshot: &Snapshot, now: Timestamp) -> Option<Timestamp> {
    let days = snapshot.site("tokenexpiredays").unwrap_or_default().trim();
    if days.eq_ignore_ascii_case(NEVER) {
        return None;
    }
    let days = days.parse().ok().filter(|days: &f64| days.is_finite() && *days > 0.0);
    #[expect(clippy::cast_possible_truncation, reason = "the cast stops at the largest number")]
    let millis = (days.unwrap_or(DAYS) * DAY_MILLIS) as i64;
    Some(Timestamp::from_unix_millis(now.unix_millis().saturating_add(millis)))
}

/// Whether this text of an end is in the past; a text that is no time ended long ago.
fn is_past(expire: &str, now: Timestamp) -> bool {
    if expire == NEVER {
        return false;
    }
    let zone = jiff::tz::TimeZone::system();
    let seconds = expire.parse::<i64>().ok();
    let end = seconds.or_else(|| {
        let time = jiff::civil::DateTime::strptime("%Y-%m-%d %H:%M:%S", expire).ok()?;
        Some(time.to_zoned(zone).ok()?.timestamp().as_second())
    });
    end.is_none_or(|end| end < now.unix_seconds())
}

fn written(time: Timestamp) -> String {
    let time =
        jiff::Timestamp::from_millisecond(time.unix_millis()).unwrap_or(jiff::Timestamp::MAX);
    time.to_zoned(jiff::tz::TimeZone::system()).strftime(TIME).to_string()
}

/// A random name for a token: a UUID of version 4.
pub(crate) fn token_id() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    Ok(parts.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_millis(1_800_000_000_000);

    fn tables(site_days: &str) -> Snapshot {
        let hash = sha_crypt::PasswordHasher::hash_password_with_salt(
            &ShaCrypt::SHA512,
            b"s3cret",
            b"abcdefgh",
        );
        let hash: sha_crypt::PasswordHash = hash.unwrap();
        let mut patch = Patch::new();
        for (user, password) in [("al", hash.as_str()), ("bob", "clear"), ("eve", "")] {
            patch.set(ids::PASSWD, &["xcat", user], &[("password", Some(password))]);
        }
        patch.set(ids::PASSWD, &["system", "root"], &[("password", Some("cluster"))]);
        patch.set(ids::SITE, &["tokenexpiredays"], &[("value", Some(site_days))]);
        Snapshot::empty().apply(&patch).unwrap().0
    }

    fn right(username: &str, password: &str) -> bool {
        let (username, password) = (username.to_owned(), Secret::new(password.to_owned()));
        Credentials { username, password }.are_right(&tables(""))
    }

    #[test]
    fn passwords_are_compared_with_hashes_and_clear_texts() {
        assert!(right("al", "s3cret") && right("bob", "clear"));
        let hash = tables("")
            .row(ids::PASSWD, &["xcat", "al"])
            .unwrap()
            .get("password")
            .unwrap()
            .to_owned();
        for (user, password) in [
            ("al", "S3cret"),
            ("al", &*hash),
            ("bob", "clea"),
            ("bob", "clear "),
            ("bob", ""),
            ("eve", ""),
            ("root", "cluster"),
            ("", ""),
            ("al", &*"x".repeat(10_000)),
        ] {
            assert!(!right(user, password), "{user} {password}");
        }
    }

    #[test]
    fn a_token_names_its_owner_until_it_ends() {
        let with = |days: &str| {
            let snapshot = tables(days);
            let (patch, told) = new_token(&snapshot, "al", "id-1", NOW);
            let expire = told.child("token").unwrap().text_of("expire").unwrap().to_owned();
            (snapshot.apply(&patch).unwrap().0, expire)
        };
        let after = |hours: i64| Timestamp::from_unix_millis(NOW.unix_millis() + hours * 3_600_000);
        let (day, _) = with("");
        let (user, patch) = owner(&day, "id-1", after(23)).unwrap();
        assert_eq!(user, "al");
        let noted = day.apply(&patch).unwrap().0;
        assert!(noted.row(ids::TOKEN, &["id-1"]).unwrap().get("access").is_some());
        assert_eq!(owner(&day, "id-1", after(25)), None);
        assert_eq!(owner(&day, "id-2", after(1)), None);
        let (always, expire) = with("Never");
        assert!(expire == "never" && owner(&always, "id-1", after(1_000_000)).is_some());
        let (patch, _) = new_token(&day, "bob", "id-3", after(25));
        let later = day.apply(&patch).unwrap().0;
        assert!(later.row(ids::TOKEN, &["id-1"]).is_none());
        assert!(is_past("17", NOW) && is_past("soon", NOW) && !is_past("1900000000", NOW));
    }

    #[test]
    fn a_token_is_a_uuid() {
        let (one, two) = (token_id().unwrap(), token_id().unwrap());
        assert!(one.len() == 36 && one.as_bytes()[14] == b'4' && one != two);
    }

    #[test]
    fn a_request_says_how_it_proves_its_sender() {
        let read = |text: &str| Login::read(&Element::parse(text.as_bytes()).unwrap());
        let text = "<r><becomeuser><username>al</username><password>p</password></becomeuser></r>";
        let Some(Login::Become(credentials)) = read(text) else { panic!() };
        assert_eq!((&*credentials.username, &**credentials.password.expose()), ("al", "p"));
        assert!(!format!("{credentials:?}").contains("\"p\""));
        let token = Login::Token(Secret::new("t".to_owned()));
        assert_eq!(read("<r><tokens><tokenid>t</tokenid></tokens></r>"), Some(token));
        assert_eq!(read("<r><command>x</command></r>"), None);
    }
}
