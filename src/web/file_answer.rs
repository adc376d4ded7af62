//! The head of an answer that brings bytes of a content, all or a range of them. Pure.

use core::ops::Range;

use super::site::{FILE_POLICY, guarded};
use crate::http::{Answer, AnswerBody, Method, RangeAsked, RequestHead, Status};

/// A content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServedFile<'a> {
    /// Its strong tag (RFC 9110 §8.8.3): other bytes have another one.
    pub(super) tag: String,
    /// As what it is saved.
    pub(super) name: &'a str,
    pub(super) size: u64,
}

/// What is answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ServedBytes {
    /// All of it.
    Whole(Answer),
    /// These bytes follow.
    Bytes(Answer, Range<u64>),
}

impl ServedBytes {
    /// To this request. `shown_as`: the media type as which it is shown in place of being saved.
    pub(super) fn of(head: &RequestHead, file: &ServedFile<'_>, shown_as: Option<&'static str>) -> Self {
        let ServedFile { tag, name, size } = file;
        let answer = |status, body| {
            let answer = Answer::new(status, body).with("etag", tag.clone()).with("accept-ranges", "bytes");
            let answer = answer.with("cache-control", "private, no-cache");
            let answer = match shown_as {
                Some(media) => answer.with("content-type", media),
                None => answer.with("content-type", "application/octet-stream").saved_as(name),
            };
            guarded(answer, FILE_POLICY)
        };
        let nothing = || AnswerBody::Whole(Vec::new());
        if head.field("if-none-match") == Some(tag) {
            return Self::Whole(answer(Status::NotModified, nothing()));
        }
        let (answer, range) = match RangeAsked::read(head.field("range"), head.field("if-range"), tag, *size)
        {
            RangeAsked::Outside => {
                let answer = answer(Status::RangeNotSatisfiable, nothing());
                return Self::Whole(answer.with("content-range", format!("bytes */{size}")));
            }
            RangeAsked::All => (answer(Status::Ok, AnswerBody::Bytes(*size)), 0..*size),
            RangeAsked::Part(part) => {
                let answer = answer(Status::PartialContent, AnswerBody::Bytes(part.0.end - part.0.start));
                (answer.with("content-range", part.content_range(*size)), part.0)
            }
        };
        if head.method == Method::Head || range.is_empty() {
            return Self::Whole(answer);
        }
        Self::Bytes(answer, range)
    }
}
