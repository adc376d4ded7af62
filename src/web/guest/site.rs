//! Which requests of guests are heard, and what for. Pure.
//!
//! The secret of a link stands in the path, so that a browser that saves or plays something needs nothing else. Pages of other
//! sites do not know it; and `Host` has to be the address at which the connection is, so that no other name leads here (DNS
//! rebinding). A change needs our `Origin`, too (RFC 6454).

use core::net::IpAddr;

use crate::http::{Answer, BodyLength, HttpEnds, Method, RequestHead, Status};
use crate::web::assets::{self, Asset};
use crate::web::uploads::UploadSlice;

/// What is wanted of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum GuestWanted {
    /// The page itself.
    Page,
    /// What the link is.
    About,
    /// That this PIN be right.
    Pin,
    /// What lies in a folder, or has these words.
    List { path: String, words: Option<String>, from: usize },
    /// A content.
    File { id: String, name: String, is_shown: bool },
    /// A folder as an archive.
    Zip { path: String, name: String },
    /// To bring a file.
    Upload,
    /// To bring so many bytes of one, from this offset on.
    Slice(UploadSlice),
    /// What was said after the line of this number.
    Texts { after: u64 },
    /// To say something.
    Text,
}

impl GuestWanted {
    /// True if more of it follows in JSON.
    pub(super) const fn is_question(&self) -> bool {
        matches!(self, Self::Pin | Self::Upload | Self::Text)
    }
}

/// What a request is for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum GuestCall {
    /// A part of the page, the same for all.
    Asset(&'static Asset),
    /// Something of the link with this secret.
    Of(String, GuestWanted),
}

/// Where links are.
#[derive(Debug)]
pub(super) struct GuestSite {
    port: u16,
    /// The name on the network, if there is one.
    name: Option<String>,
}

impl GuestSite {
    /// At this port of all addresses of this machine, and of this name.
    pub(super) const fn new(port: u16, name: Option<String>) -> Self {
        Self { port, name }
    }

    /// What a request is for; or else what it is told.
    pub(super) fn read(&self, head: &RequestHead, ends: HttpEnds) -> Result<GuestCall, Answer> {
        let host = head.host.as_deref().unwrap_or_default();
        if !self.is_ours(host, ends) {
            let text = "this is the page of a peer, which is called by its address";
            return Err(Answer::text(Status::MisdirectedRequest, text));
        }
        let names = head.target.names();
        let is_read = matches!(head.method, Method::Get | Method::Head);
        let wanted = |secret: &str, wanted: GuestWanted| Ok(GuestCall::Of(secret.to_owned(), wanted));
        let read = |secret: &str, what: GuestWanted| {
            if is_read { wanted(secret, what) } else { Err(only("GET, HEAD")) }
        };
        let change = |secret: &str, what: GuestWanted| {
            is_own_change(head, host, ends, &what).and_then(|()| wanted(secret, what))
        };
        let number = |key: &str| head.target.query(key).unwrap_or("0").parse::<u64>().map_err(|_| nonsense());
        match names[..] {
            ["g", secret, ""] => read(secret, GuestWanted::Page),
            ["g", secret] if is_read && !secret.is_empty() => Err(Answer::empty(Status::PermanentRedirect)
                .with("location", format!("/g/{}/", crate::http::encode(secret)))),
            ["g", secret, "api", "about"] => read(secret, GuestWanted::About),
            ["g", secret, "api", "list"] => {
                let path = head.target.query("path").unwrap_or_default().to_owned();
                let words = head.target.query("search").map(str::to_owned);
                let from = usize::try_from(number("from")?).map_err(|_| nonsense())?;
                read(secret, GuestWanted::List { path, words, from })
            }
            ["g", secret, "api", "texts"] => read(secret, GuestWanted::Texts { after: number("after")? }),
            ["g", secret, "api", "pin"] => change(secret, GuestWanted::Pin),
            ["g", secret, "api", "text"] => change(secret, GuestWanted::Text),
            ["g", secret, "api", "upload"] => change(secret, GuestWanted::Upload),
            ["g", secret, "api", "upload", upload] => {
                let BodyLength::Bytes(len) = head.body else {
                    return Err(Answer::text(Status::LengthRequired, "say how long a slice is"));
                };
                change(
                    secret,
                    GuestWanted::Slice(UploadSlice { upload: upload.to_owned(), at: number("at")?, len }),
                )
            }
            ["g", secret, "file", id, name] => {
                let is_shown = head.target.query("show").is_some();
                read(secret, GuestWanted::File { id: id.to_owned(), name: name.to_owned(), is_shown })
            }
            ["g", secret, "zip", name] => {
                let path = head.target.query("path").unwrap_or_default().to_owned();
                read(secret, GuestWanted::Zip { path, name: name.to_owned() })
            }
            [name] if is_read && !name.is_empty() => {
                assets::find(name).map(GuestCall::Asset).ok_or_else(not_found)
            }
            _ => Err(not_found()),
        }
    }

    /// The address at which the connection is, or a name that cannot lead elsewhere.
    fn is_ours(&self, host: &str, ends: HttpEnds) -> bool {
        let Some((name, port)) = host.rsplit_once(':') else { return false };
        if port.parse() != Ok(self.port) {
            return false;
        }
        let own = self.name.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(name));
        let is_local = || name.eq_ignore_ascii_case("localhost") && ends.at.ip().to_canonical().is_loopback();
        let literal = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        let is_address =
            || literal.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical() == ends.at.ip().to_canonical());
        own || is_local() || is_address()
    }
}

/// What whoever has no link is told, and whoever has one that is over.
pub(super) fn not_found() -> Answer {
    Answer::text(Status::NotFound, "there is nothing here: ask for a new link")
}

fn nonsense() -> Answer {
    Answer::text(Status::BadRequest, "that is no number")
}

fn only(methods: &'static str) -> Answer {
    Answer::text(Status::MethodNotAllowed, "that is asked for otherwise").with("allow", methods)
}

/// A change is asked for by our own page, or by a program that says the same.
fn is_own_change(head: &RequestHead, host: &str, ends: HttpEnds, wanted: &GuestWanted) -> Result<(), Answer> {
    if head.method != Method::Post {
        return Err(only("POST"));
    }
    let scheme = if ends.is_private { "https" } else { "http" };
    let is_ours =
        head.field("origin").is_some_and(|origin| origin.eq_ignore_ascii_case(&format!("{scheme}://{host}")));
    let is_elsewhere = head.field("sec-fetch-site").is_some_and(|site| site != "same-origin");
    if !is_ours || is_elsewhere {
        return Err(Answer::text(Status::Forbidden, "another site asks for this"));
    }
    // No form sends these without being asked (CORS preflight).
    let media = if wanted.is_question() { "application/json" } else { "application/octet-stream" };
    let is_media =
        |said: &str| said.split(';').next().is_some_and(|said| said.trim().eq_ignore_ascii_case(media));
    if head.field("content-type").is_some_and(is_media) {
        Ok(())
    } else {
        Err(Answer::text(Status::UnsupportedMediaType, &format!("that is sent as {media}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::HeadRead;

    fn read(text: &str) -> Result<GuestCall, Status> {
        let HeadRead::Whole(head, _) = RequestHead::read(format!("{text}\r\n\r\n").as_bytes()) else {
            panic!("{text}")
        };
        let ends = HttpEnds {
            from: "10.0.0.2:5000".parse().unwrap(),
            at: "[::ffff:10.0.0.1]:8080".parse().unwrap(),
            is_private: false,
        };
        GuestSite::new(8080, Some("anna.local".to_owned())).read(&head, ends).map_err(|answer| answer.status)
    }

    #[test]
    fn a_link_is_called_by_the_address_where_it_is() {
        let get = |host: &str| read(&format!("GET /g/5e/ HTTP/1.1\r\nHost: {host}"));
        for host in ["10.0.0.1:8080", "Anna.local:8080", "[::ffff:10.0.0.1]:8080"] {
            assert_eq!(get(host), Ok(GuestCall::Of("5e".to_owned(), GuestWanted::Page)), "{host}");
        }
        for host in [
            "10.0.0.2:8080",
            "10.0.0.1",
            "10.0.0.1:80",
            "evil.example:8080",
            "localhost:8080",
            "0.0.0.0:8080",
            "anna.local.:8080",
        ] {
            assert_eq!(get(host), Err(Status::MisdirectedRequest), "{host}");
        }
    }

    #[test]
    fn what_is_wanted_is_read_and_nothing_of_the_owner_is_there() {
        let get = |path: &str| read(&format!("GET {path} HTTP/1.1\r\nHost: 10.0.0.1:8080"));
        let of = |wanted| Ok(GuestCall::Of("5e".to_owned(), wanted));
        let list = |path: &str, words: Option<&str>, from| {
            of(GuestWanted::List { path: path.to_owned(), words: words.map(str::to_owned), from })
        };
        assert_eq!(get("/g/5e/api/list?path=a%2Fb&from=500"), list("a/b", None, 500));
        assert_eq!(get("/g/5e/api/list?search=x+y"), list("", Some("x y"), 0));
        let file =
            |is_shown| of(GuestWanted::File { id: "ab".to_owned(), name: "n.txt".to_owned(), is_shown });
        assert_eq!((get("/g/5e/file/ab/n.txt"), get("/g/5e/file/ab/n.txt?show")), (file(false), file(true)));
        assert_eq!(get("/g/5e/api/texts"), of(GuestWanted::Texts { after: 0 }));
        for nonsense in
            ["/g/5e/api/list?from=x", "/g/5e/api/list?from=-1", "/g/5e/api/texts?after=99999999999999999999"]
        {
            assert_eq!(get(nonsense), Err(Status::BadRequest), "{nonsense}");
        }
        assert_eq!(get("/g/5e"), Err(Status::PermanentRedirect));
        for path in ["/", "/g/", "/g/5e/api/ask", "/api/ask", "/api/login", "/g/5e/file/ab", "/g/5e/x"] {
            assert_eq!(get(path), Err(Status::NotFound), "{path}");
        }
        assert!(matches!(get("/style.css"), Ok(GuestCall::Asset(_))));
    }

    #[test]
    fn a_change_is_asked_for_by_our_own_page() {
        let post = |path: &str, fields: &str| {
            read(&format!(
                "POST /g/5e/api/{path} HTTP/1.1\r\nHost: 10.0.0.1:8080\r\nContent-Length: 2\r\n{fields}"
            ))
        };
        let (ours, json, bytes) = (
            "Origin: http://10.0.0.1:8080\r\n",
            "Content-Type: application/json",
            "Content-Type: application/octet-stream",
        );
        assert!(
            post("text", &format!("{ours}{json}")).is_ok()
                && post("upload/7?at=3", &format!("{ours}{bytes}")).is_ok()
        );
        assert_eq!(post("text", &format!("{ours}{bytes}")), Err(Status::UnsupportedMediaType));
        assert_eq!(
            post("upload/7", &format!("{ours}Content-Type: text/plain")),
            Err(Status::UnsupportedMediaType)
        );
        for origin in
            ["", "Origin: null\r\n", "Origin: https://10.0.0.1:8080\r\n", "Origin: http://evil.example\r\n"]
        {
            assert_eq!(post("text", &format!("{origin}{json}")), Err(Status::Forbidden), "{origin}");
        }
        let fields = format!("{ours}{json}\r\nSec-Fetch-Site: cross-site");
        assert_eq!(post("text", &fields), Err(Status::Forbidden));
        let chunked = format!(
            "POST /g/5e/api/upload/7 HTTP/1.1\r\nHost: 10.0.0.1:8080\r\nTransfer-Encoding: chunked\r\n{ours}{bytes}"
        );
        assert_eq!(read(&chunked), Err(Status::LengthRequired));
        assert_eq!(read("GET /g/5e/api/text HTTP/1.1\r\nHost: 10.0.0.1:8080"), Err(Status::MethodNotAllowed));
        assert_eq!(
            read("POST /g/5e/ HTTP/1.1\r\nHost: 10.0.0.1:8080\r\nContent-Length: 0"),
            Err(Status::MethodNotAllowed)
        );
    }
}
