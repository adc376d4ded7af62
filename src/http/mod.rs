//! HTTP/1.1 (RFC 9110, RFC 9112), as a server speaks it to browsers and programs.
//!
//! machine/ is one connection: bytes come in; a head, the pieces of a body and its end come out; an answer goes back.
//! head.rs reads the head of a request, body.rs what follows it (chunked.rs: in chunks), target.rs the path, range.rs
//! `Range` and `If-Range`, and answer.rs writes heads of answers. The shell is server.rs (listeners, sockets, turns) and wire.rs (TLS).
//! Requests of one connection are answered one after the other (pipelining): what comes meanwhile waits, up to a bound,
//! and then is not read.

mod answer;
mod body;
mod chunked;
mod ends;
mod head;
pub(crate) mod limits;
mod machine;
mod range;
#[cfg(any(test, feature = "sim"))]
pub(crate) mod sequences;
mod server;
mod target;
mod wire;

pub(crate) use self::answer::{Answer, AnswerBody, Status};
pub(crate) use self::ends::HttpEnds;
#[cfg(test)]
pub(crate) use self::head::HeadRead;
pub(crate) use self::head::{BodyLength, Method, RequestHead};
pub(crate) use self::machine::{HttpConnection, HttpEvent};
#[cfg(test)]
pub(crate) use self::range::ByteRange;
pub(crate) use self::range::RangeAsked;
pub(crate) use self::server::{HttpClientEnd, HttpFront, HttpId, HttpServer, HttpService, HttpWaker};
pub(crate) use self::target::encode;
