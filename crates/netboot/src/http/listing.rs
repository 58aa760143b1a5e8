//! Directories over HTTP: a list of links, because xCAT's scripts fetch whole trees with wget.

use std::path::Path;

use hyper::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use hyper::{Response, StatusCode};
use tokio::fs;

use super::{Body, respond, text};

/// The most entries that are listed.
const MAX_ENTRIES: usize = 20_000;

/// Answers with the entries of `directory`, which was asked for as `path`.
pub(super) async fn answer(directory: &Path, path: &str) -> Response<Body> {
    if !path.ends_with('/') {
        let mut response = respond(StatusCode::MOVED_PERMANENTLY, bytes::Bytes::new());
        if let Ok(location) = HeaderValue::from_str(&format!("{path}/")) {
            response.headers_mut().insert(LOCATION, location);
        }
        return response;
    }
    match entries(directory).await {
        Ok(names) => {
            let mut response = respond(StatusCode::OK, page(&names).into());
            let html = HeaderValue::from_static("text/html; charset=utf-8");
            response.headers_mut().insert(CONTENT_TYPE, html);
            response
        }
        Err(error) => text(
            StatusCode::FORBIDDEN,
            &format!("{} cannot be read: {error}\n", directory.display()),
        ),
    }
}

async fn entries(directory: &Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    let mut list = fs::read_dir(directory).await?;
    while let Some(entry) = list.next_entry().await? {
        let Ok(mut name) = entry.file_name().into_string() else { continue };
        if fs::metadata(entry.path()).await.is_ok_and(|metadata| metadata.is_dir()) {
            name.push('/');
        }
        names.push(name);
        if names.len() == MAX_ENTRIES {
            break;
        }
    }
    names.sort();
    Ok(names)
}

fn page(names: &[String]) -> String {
    let mut page = String::from("<!DOCTYPE html>\n<title>Index</title>\n<ul>\n");
    for name in names {
        let link = format!("<li><a href=\"{}\">{}</a>\n", encoded(name), escaped(name));
        page.push_str(&link);
    }
    page + "</ul>\n"
}

/// The name as a relative link.
fn encoded(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/+@=,".contains(&byte);
    let part =
        |byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    name.bytes().map(part).collect()
}

fn escaped(name: &str) -> String {
    name.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_links_whatever_they_contain() {
        let page = page(&["a b".to_owned(), "<x>&\"".to_owned(), "dir/".to_owned()]);
        assert!(page.contains("<a href=\"a%20b\">a b</a>"));
        assert!(page.contains("<a href=\"%3Cx%3E%26%22\">&lt;x>&amp;&quot;</a>"));
        assert!(page.contains("<a href=\"dir/\">dir/</a>"));
    }
}
