//! The head of a request (RFC 9112, sections 2 to 6). Pure.
//!
//! What two readers could understand in two ways is refused, so that nothing is smuggled past one of them (section 11.2
//! there): two lengths, a length beside chunks, lines that end without a carriage return, no or several hosts.

use core::str;

use super::answer::Status;
use super::limits;
use super::target::Target;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Head,
    Post,
    Put,
    /// Something that is done nowhere here.
    Other,
}

/// How long the body of a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyLength {
    /// So many bytes; 0: there is none.
    Bytes(u64),
    /// That is seen when it ends.
    Chunked,
}

/// The head of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestHead {
    pub(crate) method: Method,
    pub(crate) target: Target,
    pub(crate) body: BodyLength,
    /// Whom it is for, as it was said.
    pub(crate) host: Option<String>,
    /// It waits to be told that its body is wanted.
    pub(crate) expects_continue: bool,
    /// More requests may follow on the connection.
    pub(crate) keeps_alive: bool,
    /// It is of HTTP/1.0, whose clients know no chunks.
    pub(crate) is_old: bool,
    /// The other fields. Names are in small letters.
    fields: Vec<(String, String)>,
}

/// What bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HeadRead {
    /// The beginning of a head.
    Partial,
    /// A head of so many bytes.
    Whole(Box<RequestHead>, usize),
    /// No head; what is answered.
    Wrong(Status),
}

impl RequestHead {
    /// What is said in a field; `None` if nothing is, or something twice.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut found =
            self.fields.iter().filter(|(field, _)| field == name).map(|(_, value)| value.as_str());
        found.next().filter(|_| found.next().is_none())
    }

    /// Reads the head that bytes begin with.
    pub(crate) fn read(bytes: &[u8]) -> HeadRead {
        let bytes = bytes.get(..limits::HEAD).unwrap_or(bytes);
        let mut fields = [httparse::EMPTY_HEADER; limits::FIELDS];
        let mut request = httparse::Request::new(&mut fields);
        let len = match request.parse(bytes) {
            Ok(httparse::Status::Complete(len)) => len,
            Ok(httparse::Status::Partial) if bytes.len() < limits::HEAD => return HeadRead::Partial,
            Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
                return HeadRead::Wrong(Status::FieldsTooLarge);
            }
            Err(httparse::Error::Version) => return HeadRead::Wrong(Status::VersionNotSupported),
            Err(_) => return HeadRead::Wrong(Status::BadRequest),
        };
        let head = bytes.get(..len).unwrap_or_default();
        let is_bare = |pair: &[u8]| pair[1] == b'\n' && pair[0] != b'\r';
        if head.first() == Some(&b'\n') || head.windows(2).any(is_bare) {
            return HeadRead::Wrong(Status::BadRequest);
        }
        match Self::of(&request) {
            Ok(head) => HeadRead::Whole(Box::new(head), len),
            Err(status) => HeadRead::Wrong(status),
        }
    }

    fn of(request: &httparse::Request<'_, '_>) -> Result<Self, Status> {
        let is_old = request.version == Some(0);
        let mut said = SaidFields::default();
        let mut fields = Vec::new();
        for field in request.headers.iter() {
            let value =
                str::from_utf8(field.value).map_err(|_| Status::BadRequest)?.trim_matches([' ', '\t']);
            let name = field.name.to_ascii_lowercase();
            said.take(&name, value)?;
            fields.push((name, value.to_owned()));
        }
        if said.hosts > 1 || !is_old && said.hosts == 0 || is_old && said.is_chunked {
            return Err(Status::BadRequest);
        }
        let body = match said.length {
            Some(_) if said.is_chunked => return Err(Status::BadRequest),
            Some(length) => BodyLength::Bytes(length),
            None if said.is_chunked => BodyLength::Chunked,
            None => BodyLength::Bytes(0),
        };
        let target = request.path.and_then(|path| Target::read(path, said.host.as_deref()));
        Ok(Self {
            method: match request.method {
                Some("GET") => Method::Get,
                Some("HEAD") => Method::Head,
                Some("POST") => Method::Post,
                Some("PUT") => Method::Put,
                _ => Method::Other,
            },
            target: target.ok_or(Status::BadRequest)?,
            body,
            host: said.host,
            expects_continue: said.expects_continue && !is_old && body != BodyLength::Bytes(0),
            keeps_alive: !said.closes && (!is_old || said.keeps_alive),
            is_old,
            fields,
        })
    }
}

/// What the fields say that decide how a request is read.
#[derive(Debug, Default)]
struct SaidFields {
    hosts: usize,
    host: Option<String>,
    length: Option<u64>,
    is_chunked: bool,
    expects_continue: bool,
    closes: bool,
    keeps_alive: bool,
}

impl SaidFields {
    fn take(&mut self, name: &str, value: &str) -> Result<(), Status> {
        match name {
            "host" => {
                self.hosts += 1;
                self.host = Some(value.to_owned());
            }
            "content-length" => {
                let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
                if self.length.is_some() || !is_number {
                    return Err(Status::BadRequest);
                }
                self.length = Some(value.parse().map_err(|_| Status::ContentTooLarge)?);
            }
            "transfer-encoding" => {
                if self.is_chunked {
                    return Err(Status::BadRequest);
                }
                if !value.eq_ignore_ascii_case("chunked") {
                    return Err(Status::NotImplemented);
                }
                self.is_chunked = true;
            }
            "expect" => {
                if !value.eq_ignore_ascii_case("100-continue") {
                    return Err(Status::ExpectationFailed);
                }
                self.expects_continue = true;
            }
            "connection" => {
                for option in value.split(',').map(str::trim) {
                    self.closes |= option.eq_ignore_ascii_case("close");
                    self.keeps_alive |= option.eq_ignore_ascii_case("keep-alive");
                }
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> HeadRead {
        RequestHead::read(text.as_bytes())
    }

    fn whole(text: &str) -> RequestHead {
        match read(text) {
            HeadRead::Whole(head, len) if len == text.len() => *head,
            other => panic!("{text:?}: {other:?}"),
        }
    }

    #[test]
    fn a_head_says_what_is_asked_and_how_it_is_read_on() {
        let head =
            whole("GET /a%20b?c=d HTTP/1.1\r\nHost: here:80\r\nRange: bytes=1-\r\nX: 1\r\nx: 2\r\n\r\n");
        assert_eq!((head.method, head.body, head.keeps_alive), (Method::Get, BodyLength::Bytes(0), true));
        assert_eq!((head.target.names(), head.host.as_deref()), (vec!["a b"], Some("here:80")));
        assert_eq!((head.field("range"), head.field("x"), head.field("y")), (Some("bytes=1-"), None, None));
        let head =
            whole("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\nExpect: 100-Continue\r\n\r\n");
        assert_eq!((head.body, head.expects_continue), (BodyLength::Chunked, true));
        let head = whole("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 12\r\nConnection: x, Close\r\n\r\n");
        assert_eq!((head.body, head.keeps_alive), (BodyLength::Bytes(12), false));
        let head = whole("HEAD / HTTP/1.0\r\n\r\n");
        assert!((head.method, head.keeps_alive, head.is_old) == (Method::Head, false, true));
        assert!(whole("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").keeps_alive);
        assert_eq!(whole("BREW / HTTP/1.1\r\nHost: h\r\n\r\n").method, Method::Other);
        assert_eq!(whole("\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n").method, Method::Get);
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for (fields, status) in [
            ("Content-Length: 1\r\nContent-Length: 1", Status::BadRequest),
            ("Content-Length: 1, 1", Status::BadRequest),
            ("Content-Length: +1", Status::BadRequest),
            ("Content-Length: ", Status::BadRequest),
            ("Content-Length: 0x1", Status::BadRequest),
            ("Content-Length: 99999999999999999999", Status::ContentTooLarge),
            ("Content-Length: 1\r\nTransfer-Encoding: chunked", Status::BadRequest),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", Status::BadRequest),
            ("Transfer-Encoding: gzip, chunked", Status::NotImplemented),
            ("Transfer-Encoding: identity", Status::NotImplemented),
            ("Expect: a cookie", Status::ExpectationFailed),
            ("Host: other", Status::BadRequest),
            ("X : space before the colon", Status::BadRequest),
            ("X: a\r\n folded", Status::BadRequest),
            ("X: a\nY: b", Status::BadRequest),
            ("X: a\0b", Status::BadRequest),
            ("X: \u{e9}\r\nno colon", Status::BadRequest),
        ] {
            let text = format!("POST / HTTP/1.1\r\nHost: h\r\n{fields}\r\n\r\n");
            assert_eq!(read(&text), HeadRead::Wrong(status), "{fields:?}");
        }
        for (text, status) in [
            ("GET / HTTP/1.1\r\n\r\n", Status::BadRequest),
            ("GET / HTTP/2.0\r\nHost: h\r\n\r\n", Status::VersionNotSupported),
            ("GET /.. HTTP/1.1\r\nHost: h\r\n\r\n", Status::BadRequest),
            ("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", Status::BadRequest),
            ("\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", Status::BadRequest),
            ("\u{16}\u{3}\u{1}", Status::BadRequest),
        ] {
            assert_eq!(read(text), HeadRead::Wrong(status), "{text:?}");
        }
    }

    #[test]
    fn a_head_has_bounds() {
        let many = |n: usize| format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", "X: y\r\n".repeat(n));
        assert!(matches!(read(&many(limits::FIELDS - 1)), HeadRead::Whole(..)));
        assert_eq!(read(&many(limits::FIELDS)), HeadRead::Wrong(Status::FieldsTooLarge));
        let long = |n: usize| format!("GET / HTTP/1.1\r\nHost: h\r\nX: {}", "y".repeat(n));
        assert_eq!(read(&long(limits::HEAD - 100)), HeadRead::Partial);
        assert_eq!(read(&long(limits::HEAD)), HeadRead::Wrong(Status::FieldsTooLarge));
        for cut in 0..20 {
            assert_eq!(read(&"GET / HTTP/1.1\r\nHost"[..cut]), HeadRead::Partial, "{cut}");
        }
    }
}
