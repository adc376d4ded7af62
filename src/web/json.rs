//! Answers in JSON. Pure.

use serde_json::{Value, json};

use super::site::guarded_page;
use crate::http::{Answer, AnswerBody, Status};

/// This is the answer.
pub(super) fn json_answer(value: &Value) -> Answer {
    answer(Status::Ok, value)
}

/// What is not done, and why: a `message`, and what else a page needs to know.
pub(super) fn refused(status: Status, message: &str, mut facts: Value) -> Answer {
    facts["message"] = message.into();
    answer(status, &facts)
}

/// What was asked is no question.
pub(super) fn nonsense() -> Answer {
    refused(Status::BadRequest, "that is not what is asked here", json!({}))
}

fn answer(status: Status, value: &Value) -> Answer {
    let answer = Answer::new(status, AnswerBody::Whole(format!("{value}\n").into_bytes()));
    guarded_page(answer.with("content-type", "application/json").with("cache-control", "no-store"))
}
