//! Tests of what is seen and changed in an answer on its way; the store itself is seen in the behaviour tests.

use super::*;

fn going_on() -> Keep {
    Keep::new(Some("resp_\"0\"".to_owned()))
}

fn frame(name: &str, response: &str) -> String {
    format!(
        "event: response.{name}\ndata: {{\"type\":\"response.{name}\",\"response\":{response},\"sequence_number\":7}}\n\n"
    )
}

/// What goes out at once, and what comes out of the future.
async fn seen(keep: &Keep, written: &str, ended: bool) -> (String, Option<String>) {
    let mut out = b"before|".to_vec();
    let from = out.len();
    out.extend_from_slice(written.as_bytes());
    let keeping = keep.see(&mut out, from, ended);
    let last = match keeping {
        Some(keeping) => Some(String::from_utf8(keeping.await).unwrap()),
        None => None,
    };
    (String::from_utf8(out).unwrap(), last)
}

const PLAIN: &str = r#"{"id":"resp_1", "previous_response_id" : null,"n":1.10}"#;
const SAID: &str = r#"{"id":"resp_1", "previous_response_id" : "resp_\"0\"","n":1.10}"#;

#[tokio::test]
async fn whole_answers_in_a_stream_say_what_they_go_on_from() {
    for name in ["created", "in_progress", "queued", "failed", "completed", "incomplete"] {
        let (now, last) = seen(&going_on(), &frame(name, PLAIN), false).await;
        assert_eq!(now, format!("before|{}", frame(name, SAID)));
        assert_eq!(last, None, "it has not ended");
    }
}

#[tokio::test]
async fn the_ending_and_what_follows_it_wait() {
    let item = "event: response.output_item.done\ndata: {\"item\":{\"response\":{}}}\n\n";
    let written = [item, &frame("completed", PLAIN), "data: [DONE]\n\n"].concat();
    let (now, last) = seen(&going_on(), &written, true).await;
    assert_eq!(now, format!("before|{item}"));
    assert_eq!(last.unwrap(), [&frame("completed", SAID), "data: [DONE]\n\n"].concat());
    // What failed is no ending to go on from.
    assert_eq!(seen(&going_on(), &frame("failed", PLAIN), true).await.1, None);
}

#[tokio::test]
async fn frames_in_other_forms_are_read_too() {
    let nameless = format!("data: {{\"type\": \"response.completed\" ,\"response\":{PLAIN}}}\r\n\r\n");
    let (now, last) = seen(&going_on(), &nameless, true).await;
    assert_eq!((now.as_str(), last.unwrap()), ("before|", nameless.replace(PLAIN, SAID)));
    let lines =
        "event: response.completed\ndata: {\"response\":\ndata: {\"id\":\"resp_1\"\ndata: },\ndata: \"n\":1}\n\n";
    let last = seen(&going_on(), lines, true).await.1.unwrap();
    let expected = r#"data: {"response": {"id":"resp_1" ,"previous_response_id":"resp_\"0\""}, "n":1}"#;
    assert_eq!(last, format!("event: response.completed\n{expected}\n\n"));
}

#[tokio::test]
async fn what_is_no_answer_passes_as_it_is() {
    for written in [
        "",
        ": a comment\n\n",
        "data: [DONE]\n\n",
        "event: response.completed\ndata: {\"response\":7}\n\n",
        "event: response.completed\ndata: {\"response\":{\n\n",
        "event: response.completed\ndata: no json\n\n",
        "event: response.completed\n\n",
        "event: error\ndata: {\"type\":\"error\",\"response\":{}}\n\n",
        "cut off in the mid",
    ] {
        let (now, last) = seen(&going_on(), written, true).await;
        assert_eq!(now + &last.unwrap_or_default(), format!("before|{written}"));
    }
}

#[tokio::test]
async fn an_answer_that_is_not_stored_denies_it() {
    let denied = Keep::new(None).denying();
    let (now, _) = seen(&denied, &frame("created", r#"{"store":true,"id":"resp_1"}"#), false).await;
    assert_eq!(now, format!("before|{}", frame("created", r#"{"store":false,"id":"resp_1"}"#)));
    let response = Response::new(Body::from(br#"{"id":"resp_1"}"#.to_vec()));
    let Body::Whole(bytes) = denied.response(response).await.into_body() else { panic!("not whole") };
    assert_eq!(bytes, r#"{"id":"resp_1","store":false}"#);
}
