//! Lists of events, written by every encoder.

use crate::checker::{Ended, check};
use crate::config;
use crate::scripts::{Script, script};
use crate::support::{EVERY, encode_stream};
use lingate_codec::dialect::DialectId;
use lingate_codec::ir::{ApiError, Citation, Event, Finish, FinishReason, Logprob, Start, Usage};
use proptest::collection::vec;
use proptest::prelude::*;

fn text() -> impl Strategy<Value = String> {
    let usual = prop_oneof![Just("{\"a\":1}"), Just("{\"a\":"), Just("1}"), Just(""), Just("\n\n"), Just("a.b:0")];
    prop_oneof![".{0,8}", usual.prop_map(str::to_owned), any::<String>()]
}

fn reason() -> impl Strategy<Value = FinishReason> {
    prop::sample::select(vec![
        FinishReason::Stop,
        FinishReason::StopSequence,
        FinishReason::Length,
        FinishReason::ToolCalls,
        FinishReason::ContentFilter,
        FinishReason::Pause,
        FinishReason::Load,
        FinishReason::Unload,
    ])
}

fn logprob() -> impl Strategy<Value = Logprob> {
    (text(), any::<f64>(), any::<Option<Vec<u8>>>()).prop_map(|(token, logprob, bytes)| Logprob {
        top: vec![Logprob { token: token.clone(), logprob: -logprob, bytes: None, top: vec![] }],
        token,
        logprob,
        bytes,
    })
}

/// Any event, in no order, with no sense.
pub(crate) fn event() -> impl Strategy<Value = Event> {
    let call = || prop_oneof![0_usize..4, Just(usize::MAX)];
    let usage = any::<[Option<u64>; 5]>().prop_map(|[a, b, c, d, e]| Usage {
        input_tokens: a,
        output_tokens: b,
        cache_read_input_tokens: c,
        cache_creation_input_tokens: d,
        reasoning_output_tokens: e,
        ..Usage::default()
    });
    let citation = (text(), text(), any::<Option<(u64, u64)>>()).prop_map(|(url, title, span)| Citation {
        url,
        title,
        cited_text: String::new(),
        span,
    });
    prop_oneof![
        1 => (text(), text()).prop_map(|(id, model)| Event::Start(Start { id, model, ..Start::default() })),
        6 => text().prop_map(Event::Text),
        1 => Just(Event::TextEnd),
        3 => text().prop_map(Event::Reasoning),
        1 => text().prop_map(Event::ReasoningSignature),
        1 => text().prop_map(Event::RedactedReasoning),
        2 => text().prop_map(Event::Refusal),
        4 => (call(), text(), text()).prop_map(|(call, id, name)| Event::ToolCallStart { call, id, name }),
        6 => (call(), text()).prop_map(|(call, fragment)| Event::ToolCallArguments { call, fragment }),
        2 => call().prop_map(|call| Event::ToolCallEnd { call }),
        1 => citation.prop_map(Event::Citation),
        1 => vec(logprob(), 0..3).prop_map(Event::Logprobs),
        2 => usage.prop_map(Event::Usage),
        1 => (reason(), any::<Option<String>>()).prop_map(|(reason, stop_sequence)| {
            Event::Finish(Finish { reason, stop_sequence })
        }),
        1 => Just(Event::End),
        1 => text().prop_map(|message| Event::Error(ApiError::upstream(message))),
    ]
}

/// The events of a script, its calls' arguments dealt out piece by piece.
pub(crate) fn events_of(script: &Script, ending: Event) -> Vec<Event> {
    let mut events = vec![Event::Start(Start { model: "m".into(), ..Start::default() })];
    for (call, (id, name)) in script.in_order() {
        match call {
            crate::scripts::Step::Think(text) => events.push(Event::Reasoning(text)),
            crate::scripts::Step::Say(text) => events.push(Event::Text(text)),
            crate::scripts::Step::Open(call) => events.push(Event::ToolCallStart { call, id, name }),
            crate::scripts::Step::Argue(call, fragment) => events.push(Event::ToolCallArguments { call, fragment }),
        }
    }
    events.push(Event::Finish(Finish { reason: FinishReason::Stop, stop_sequence: None }));
    events.push(ending);
    events
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_events_make_a_legal_stream(events in vec(event(), 0..32)) {
        let over = events.iter().find(|event| matches!(event, Event::End | Event::Error(_)));
        let expected = match over {
            None => Ended::Open,
            Some(Event::End) => Ended::Normally,
            Some(_) => Ended::InError,
        };
        for dialect in EVERY {
            let stream = encode_stream(dialect.dialect(), &events);
            let seen = check(dialect, &stream)
                .map_err(|error| TestCaseError::fail(format!("{}: {error}\n{stream}", dialect.name())))?;
            prop_assert_eq!(seen.ended, expected, "{}: {}", dialect.name(), stream);
        }
    }

    #[test]
    fn what_events_say_is_preserved(script in script()) {
        for dialect in EVERY {
            let stream = encode_stream(dialect.dialect(), &events_of(&script, Event::End));
            let script = script.sayable(dialect);
            let seen = check(dialect, &stream)
                .map_err(|error| TestCaseError::fail(format!("{}: {error}\n{stream}", dialect.name())))?;
            prop_assert_eq!(&seen.text, &script.text());
            prop_assert_eq!(&seen.reasoning, &script.thought());
            let calls: Vec<_> = seen.calls.iter().map(|call| (call.name.clone(), call.arguments.clone())).collect();
            let expected: Vec<_> = script.calls.iter().map(|call| {
                let arguments = match (dialect, call.arguments()) {
                    (DialectId::AnthropicMessages, arguments) => arguments,
                    (_, arguments) if arguments.is_empty() => "{}".to_owned(),
                    (DialectId::OpenAiChat | DialectId::OpenAiCompletions | DialectId::OpenAiResponses, arguments) => arguments,
                    // As the checker's own reader writes it.
                    (DialectId::Ollama, arguments) => {
                        serde_json::from_str::<serde_json::Value>(&arguments).unwrap().to_string()
                    }
                };
                (call.name.clone(), arguments)
            }).collect();
            prop_assert_eq!(calls, expected, "{}", stream);
        }
    }
}
