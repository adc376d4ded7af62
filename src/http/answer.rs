//! Answers, and how their heads are written (RFC 9112 §4, §6). Pure.

use core::fmt::Write as _;

use super::target::encode;

/// What became of a request (RFC 9110 §15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Ok,
    NoContent,
    PartialContent,
    NotModified,
    PermanentRedirect,
    BadRequest,
    Unauthorized,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    Conflict,
    LengthRequired,
    ContentTooLarge,
    UnsupportedMediaType,
    RangeNotSatisfiable,
    ExpectationFailed,
    MisdirectedRequest,
    TooManyRequests,
    FieldsTooLarge,
    NotImplemented,
    ServiceUnavailable,
    VersionNotSupported,
    InsufficientStorage,
}

impl Status {
    /// Its number, and what it is called.
    pub(crate) const fn line(self) -> (u16, &'static str) {
        match self {
            Self::Ok => (200, "OK"),
            Self::NoContent => (204, "No Content"),
            Self::PartialContent => (206, "Partial Content"),
            Self::NotModified => (304, "Not Modified"),
            Self::PermanentRedirect => (308, "Permanent Redirect"),
            Self::BadRequest => (400, "Bad Request"),
            Self::Unauthorized => (401, "Unauthorized"),
            Self::Forbidden => (403, "Forbidden"),
            Self::NotFound => (404, "Not Found"),
            Self::MethodNotAllowed => (405, "Method Not Allowed"),
            Self::RequestTimeout => (408, "Request Timeout"),
            Self::Conflict => (409, "Conflict"),
            Self::LengthRequired => (411, "Length Required"),
            Self::ContentTooLarge => (413, "Content Too Large"),
            Self::UnsupportedMediaType => (415, "Unsupported Media Type"),
            Self::RangeNotSatisfiable => (416, "Range Not Satisfiable"),
            Self::ExpectationFailed => (417, "Expectation Failed"),
            Self::MisdirectedRequest => (421, "Misdirected Request"),
            Self::TooManyRequests => (429, "Too Many Requests"),
            Self::FieldsTooLarge => (431, "Request Header Fields Too Large"),
            Self::NotImplemented => (501, "Not Implemented"),
            Self::ServiceUnavailable => (503, "Service Unavailable"),
            Self::VersionNotSupported => (505, "HTTP Version Not Supported"),
            Self::InsufficientStorage => (507, "Insufficient Storage"),
        }
    }
}

/// What an answer brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AnswerBody {
    /// These bytes.
    Whole(Vec<u8>),
    /// So many bytes, which follow.
    Bytes(u64),
    /// Bytes that follow; how many they are is seen when they end.
    Open,
}

/// An answer: its head, and what it brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: Status,
    pub(crate) body: AnswerBody,
    fields: Vec<(&'static str, String)>,
}

impl Answer {
    /// An answer that brings this.
    pub(crate) const fn new(status: Status, body: AnswerBody) -> Self {
        Self { status, body, fields: Vec::new() }
    }

    /// An answer that brings nothing.
    pub(crate) const fn empty(status: Status) -> Self {
        Self::new(status, AnswerBody::Whole(Vec::new()))
    }

    /// A sentence.
    pub(crate) fn text(status: Status, text: &str) -> Self {
        let body = AnswerBody::Whole(format!("{text}\n").into_bytes());
        Self::new(status, body).with("content-type", "text/plain; charset=utf-8")
    }

    /// With a field more. What would end it is left out of its value.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        let mut value = value.into();
        value.retain(|c| !c.is_control());
        self.fields.push((name, value));
        self
    }

    /// As a file of this name that is to be saved, not shown (RFC 6266).
    pub(crate) fn saved_as(self, name: &str) -> Self {
        let plain = |c: char| if c.is_ascii_graphic() && !"\"\\%".contains(c) || c == ' ' { c } else { '_' };
        let ascii: String = name.chars().map(plain).collect();
        self.with(
            "content-disposition",
            format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{}", encode(name)),
        )
    }

    /// What a field says.
    #[cfg(test)]
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| *field == name).map(|(_, value)| value.as_str())
    }

    /// The head. `closes`: no other answer follows on the connection; `is_chunked`: an open body comes in chunks.
    pub(super) fn head(&self, closes: bool, is_chunked: bool) -> Vec<u8> {
        let (number, reason) = self.status.line();
        let mut head = format!("HTTP/1.1 {number} {reason}\r\n");
        let mut field = |name: &str, value: &str| {
            // Writing to a string does not fail.
            let _written = write!(head, "{name}: {value}\r\n");
        };
        self.fields.iter().for_each(|(name, value)| field(name, value));
        match &self.body {
            // These have no body, and no length of one (RFC 9110 §8.6).
            _ if matches!(self.status, Status::NoContent | Status::NotModified) => {}
            AnswerBody::Whole(bytes) => field("content-length", &bytes.len().to_string()),
            AnswerBody::Bytes(bytes) => field("content-length", &bytes.to_string()),
            AnswerBody::Open if is_chunked => field("transfer-encoding", "chunked"),
            AnswerBody::Open => {}
        }
        field("connection", if closes { "close" } else { "keep-alive" });
        head.push_str("\r\n");
        head.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_has_its_fields_its_length_and_whether_more_may_be_asked() {
        let answer = Answer::text(Status::NotFound, "gone").with("x-a", "b\r\nx-c: d\0");
        let head = String::from_utf8(answer.head(false, true)).unwrap();
        let fields = "content-type: text/plain; charset=utf-8\r\nx-a: bx-c: d\r\ncontent-length: 5\r\nconnection: keep-alive";
        assert_eq!(head, format!("HTTP/1.1 404 Not Found\r\n{fields}\r\n\r\n"));
        let open = Answer::new(Status::Ok, AnswerBody::Open);
        assert!(
            String::from_utf8(open.head(false, true)).unwrap().contains("\r\ntransfer-encoding: chunked\r\n")
        );
        let old = String::from_utf8(open.head(true, false)).unwrap();
        assert!(
            !old.contains("transfer") && !old.contains("length") && old.contains("connection: close"),
            "{old}"
        );
        let none = String::from_utf8(Answer::empty(Status::NotModified).head(false, true)).unwrap();
        assert!(!none.contains("length"), "{none}");
    }

    #[test]
    fn a_file_is_saved_under_its_name_in_any_script() {
        let answer = Answer::empty(Status::Ok).saved_as("50% \"Über\" 世界.txt");
        assert_eq!(
            answer.field("content-disposition").unwrap(),
            "attachment; filename=\"50_ __ber_ __.txt\"; filename*=UTF-8''50%25%20%22%C3%9Cber%22%20%E4%B8%96%E7%95%8C.txt"
        );
    }
}
