//! Which requests are heard, and what for. Pure.
//!
//! A page of another site can have a browser ask anything of any address (cross-site requests), and can give its own name
//! our address (DNS rebinding). So `Host` has to be an address of ours, and whatever is more than a page needs a token,
//! which only our own page has; a change needs our `Origin`, too (RFC 6454), and JSON, which no form sends.

use core::net::SocketAddr;

use super::assets::{self, Asset};
use super::uploads::UploadSlice;
use crate::http::{Answer, BodyLength, Method, RequestHead, Status};

/// What pages may do: run our own scripts, ask us, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; \
                      connect-src 'self'; font-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

/// What bytes of files may do: nothing.
pub(super) const FILE_POLICY: &str = "sandbox; default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; \
                                      frame-ancestors 'none'";

/// What is wanted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// A part of the page.
    Asset(&'static Asset),
    /// A token for a code.
    Login,
    /// That the token is good no more.
    Logout,
    /// What the peer answers.
    Ask,
    /// An address for a file.
    Link,
    /// To bring a file.
    Upload,
    /// To bring a part of one.
    Slice(UploadSlice),
    /// Bytes of the file that has this address.
    Bytes {
        /// The secret in it.
        secret: String,
        /// It is to be shown, not saved.
        is_shown: bool,
    },
}

/// Where the page is.
#[derive(Debug)]
pub(super) struct Site {
    hosts: Vec<String>,
}

impl Site {
    /// At these addresses, and at `localhost`.
    pub(super) fn new(addresses: [SocketAddr; 2]) -> Self {
        let port = addresses[0].port();
        let mut hosts: Vec<_> = addresses.iter().map(ToString::to_string).collect();
        hosts.push(format!("localhost:{port}"));
        Self { hosts }
    }

    /// What a request wants; or else what it is told.
    pub(super) fn read(&self, head: &RequestHead) -> Result<Wanted, Answer> {
        let host = head.host.as_deref().unwrap_or_default();
        let Some(host) = self.hosts.iter().find(|ours| ours.eq_ignore_ascii_case(host)) else {
            return Err(Answer::text(
                Status::MisdirectedRequest,
                "this is the page of a peer on this machine",
            ));
        };
        let names = head.target.names();
        let is_read = matches!(head.method, Method::Get | Method::Head);
        match names[..] {
            ["api", name] => {
                let wanted = match name {
                    "login" => Wanted::Login,
                    "logout" => Wanted::Logout,
                    "ask" => Wanted::Ask,
                    "link" => Wanted::Link,
                    "upload" => Wanted::Upload,
                    _ => return Err(not_found()),
                };
                is_own_change(head, host, "application/json").map(|()| wanted)
            }
            ["api", "upload", upload] => {
                let BodyLength::Bytes(len) = head.body else {
                    return Err(Answer::text(Status::LengthRequired, "say how long a slice is"));
                };
                let Ok(at) = head.target.query("at").unwrap_or("0").parse() else {
                    return Err(Answer::text(Status::BadRequest, "that is no number"));
                };
                let wanted = Wanted::Slice(UploadSlice { upload: upload.to_owned(), at, len });
                is_own_change(head, host, "application/octet-stream").map(|()| wanted)
            }
            ["file", secret, _] if is_read => {
                if is_of_another_site(head) {
                    return Err(Answer::text(Status::Forbidden, "another site asks for this"));
                }
                Ok(Wanted::Bytes { secret: secret.to_owned(), is_shown: head.target.query("show").is_some() })
            }
            [name] if is_read => assets::find(name).map(Wanted::Asset).ok_or_else(not_found),
            [_] | ["file", _, _] => {
                Err(Answer::text(Status::MethodNotAllowed, "that can only be read")
                    .with("allow", "GET, HEAD"))
            }
            _ => Err(not_found()),
        }
    }
}

fn not_found() -> Answer {
    Answer::text(Status::NotFound, "there is nothing here")
}

/// Newer browsers say it for addresses of this machine (Fetch Metadata, W3C).
fn is_of_another_site(head: &RequestHead) -> bool {
    head.field("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none"))
}

/// A change is asked for by our own page alone, in this form.
fn is_own_change(head: &RequestHead, host: &str, form: &str) -> Result<(), Answer> {
    if head.method != Method::Post {
        return Err(
            Answer::text(Status::MethodNotAllowed, "that is asked for with POST").with("allow", "POST")
        );
    }
    let is_ours = head.field("origin").and_then(|origin| origin.strip_prefix("http://")) == Some(host);
    if !is_ours || is_of_another_site(head) {
        return Err(Answer::text(Status::Forbidden, "another site asks for this"));
    }
    let media = head.field("content-type").and_then(|kind| kind.split(';').next()).unwrap_or_default();
    if !media.trim().eq_ignore_ascii_case(form) {
        return Err(Answer::text(Status::UnsupportedMediaType, &format!("that is sent as {form}")));
    }
    Ok(())
}

/// What a request says that its token is (RFC 6750 §2.1).
pub(super) fn token(head: &RequestHead) -> &str {
    let said = head.field("authorization").and_then(|said| said.split_once(' '));
    said.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map_or("", |(_, token)| token.trim())
}

/// With what every answer says: how little may be done with it.
pub(super) fn guarded(answer: Answer, policy: &'static str) -> Answer {
    answer
        .with("content-security-policy", policy)
        .with("x-content-type-options", "nosniff")
        .with("referrer-policy", "no-referrer")
        .with("cross-origin-resource-policy", "same-origin")
}

/// As [`guarded`], for pages.
pub(super) fn guarded_page(answer: Answer) -> Answer {
    guarded(answer, POLICY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::HeadRead;

    fn site() -> Site {
        Site::new(["127.0.0.1:80".parse().unwrap(), "[::1]:80".parse().unwrap()])
    }

    fn read(text: &str) -> Result<Wanted, Status> {
        let HeadRead::Whole(head, _) = RequestHead::read(format!("{text}\r\n\r\n").as_bytes()) else {
            panic!("{text}")
        };
        site().read(&head).map_err(|answer| answer.status)
    }

    #[test]
    fn only_an_address_of_this_machine_is_a_host() {
        let get = |host: &str| read(&format!("GET / HTTP/1.1\r\nHost: {host}"));
        for host in ["127.0.0.1:80", "[::1]:80", "localhost:80", "LocalHost:80"] {
            assert!(matches!(get(host), Ok(Wanted::Asset(_))), "{host}");
        }
        // Another name for our address (DNS rebinding), another port, and none.
        for host in [
            "evil.example:80",
            "127.0.0.1.evil.example:80",
            "127.0.0.1:81",
            "127.0.0.1",
            "localhost",
            "0.0.0.0:80",
        ] {
            assert_eq!(get(host), Err(Status::MisdirectedRequest), "{host}");
        }
        assert_eq!(read("GET / HTTP/1.0"), Err(Status::MisdirectedRequest));
    }

    #[test]
    fn a_change_is_asked_for_by_our_page_alone() {
        let ours = "Host: 127.0.0.1:80\r\nOrigin: http://127.0.0.1:80\r\nContent-Type: application/json; charset=utf-8";
        let post = |fields: &str| read(&format!("POST /api/ask HTTP/1.1\r\nContent-Length: 2\r\n{fields}"));
        assert_eq!(post(ours), Ok(Wanted::Ask));
        assert_eq!(post(&format!("{ours}\r\nSec-Fetch-Site: same-origin")), Ok(Wanted::Ask));
        for (from, to, status) in [
            ("Origin: http://127.0.0.1:80\r\n", "", Status::Forbidden),
            ("Origin: http://127.0.0.1:80", "Origin: null", Status::Forbidden),
            ("Origin: http://127.0.0.1:80", "Origin: http://127.0.0.1:81", Status::Forbidden),
            ("Origin: http://127.0.0.1:80", "Origin: https://127.0.0.1:80", Status::Forbidden),
            ("Origin: http://127.0.0.1:80", "Origin: http://evil.example", Status::Forbidden),
            // The name that it was asked by has to be that of the page.
            ("Origin: http://127.0.0.1:80", "Origin: http://localhost:80", Status::Forbidden),
            ("application/json; charset=utf-8", "text/plain", Status::UnsupportedMediaType),
            ("Content-Type: application/json; charset=utf-8", "X: y", Status::UnsupportedMediaType),
        ] {
            assert_eq!(post(&ours.replace(from, to)), Err(status), "{to}");
        }
        assert_eq!(post(&format!("{ours}\r\nSec-Fetch-Site: cross-site")), Err(Status::Forbidden));
        assert_eq!(read(&format!("GET /api/ask HTTP/1.1\r\n{ours}")), Err(Status::MethodNotAllowed));
        assert_eq!(read(&format!("POST /api/other HTTP/1.1\r\n{ours}")), Err(Status::NotFound));
    }

    #[test]
    fn pages_and_files_are_read() {
        let get = |path: &str| read(&format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:80"));
        let bytes = |is_shown| Ok(Wanted::Bytes { secret: "5e".to_owned(), is_shown });
        assert_eq!(get("/file/5e/a%2Bb.txt"), bytes(false));
        assert_eq!(get("/file/5e/a.txt?show"), bytes(true));
        let other = "GET /file/5e/a HTTP/1.1\r\nHost: 127.0.0.1:80\r\nSec-Fetch-Site: cross-site";
        assert_eq!(read(other), Err(Status::Forbidden));
        for path in ["/nothing", "/file/5e", "/file/5e/a/b", "/app.js/", "/api"] {
            assert_eq!(get(path), Err(Status::NotFound), "{path}");
        }
        for request in ["POST /", "PUT /app.js", "DELETE /file/5e/a"] {
            assert_eq!(
                read(&format!("{request} HTTP/1.1\r\nHost: 127.0.0.1:80")),
                Err(Status::MethodNotAllowed),
                "{request}"
            );
        }
    }
}
