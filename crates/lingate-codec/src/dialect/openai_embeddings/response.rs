//! Answers, both ways: `{"object":"list","data":[{"object":"embedding","index","embedding"}],"model","usage"}`.

use crate::dialect::embeddings::{AnswerError, AnswerHead, EmbeddingsContext, Entry, See};
use crate::dialect::floats;
use crate::ir::{ApiError, EmbeddingsAnswer};
use crate::json::{Kind, Pull, Raw, Writer};

/// Walks over an answer.
pub(super) fn read<'a>(body: &'a [u8], see: See<'_, 'a>) -> Result<AnswerHead<'a>, AnswerError> {
    let mut head = AnswerHead::default();
    let mut pull = Pull::new(body);
    pull.object(|pull, name| {
        match (name, pull.kind()) {
            (b"data", Kind::Array) => {
                head.has_vectors = true;
                pull.array(|pull| element(pull, see))?;
            }
            (b"model", Kind::String) => {
                let start = pull.at();
                let value = pull.value()?;
                head.model = value.string().map(|name| (name, start..pull.at()));
            }
            (b"usage", Kind::Object) => head.input_tokens = tokens(pull.value()?),
            _ => {}
        }
        Ok::<_, AnswerError>(())
    })?;
    pull.end()?;
    Ok(head)
}

/// An element of `data`.
fn element<'a>(pull: &mut Pull<'a>, see: See<'_, 'a>) -> Result<(), AnswerError> {
    let (mut index, mut vector) = (None, None);
    pull.object(|pull, name| {
        match name {
            b"index" => index = pull.value()?.u64(),
            b"embedding" => {
                let start = pull.at();
                vector = Some((pull.value()?, start..pull.at()));
            }
            _ => {}
        }
        Ok::<_, AnswerError>(())
    })?;
    match vector {
        Some((value, span)) => see(Entry { index, value, span }),
        None => Err(ApiError::upstream("the upstream's answer has an element without a vector").into()),
    }
}

fn tokens(usage: Raw<'_>) -> Option<u64> {
    let usage = usage.object()?;
    ["prompt_tokens", "total_tokens"].into_iter().find_map(|key| usage.given(key)?.u64())
}

/// Appends an answer. OpenAI's clients expect numbers in `usage`, so an unknown count is 0.
pub(super) fn encode(
    answer: &EmbeddingsAnswer<'_>,
    context: &EmbeddingsContext<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ApiError> {
    let long: usize = answer.vectors.iter().map(|vector| vector.bytes().len()).sum();
    out.reserve(long / 2 + 256);
    out.extend_from_slice(br#"{"object":"list","data":["#);
    for (index, vector) in answer.vectors.iter().enumerate() {
        out.extend_from_slice(if index > 0 { b"," } else { b"" });
        out.extend_from_slice(br#"{"object":"embedding","index":"#);
        Writer::new(out).integer(index);
        out.extend_from_slice(br#","embedding":"#);
        floats::write(*vector, context.form, out)?;
        out.push(b'}');
    }
    out.extend_from_slice(b"],");
    let mut usage = Writer::new(out);
    usage.string_member("model", context.model);
    usage.key("usage");
    usage.begin_object();
    let tokens = answer.input_tokens.unwrap_or(0);
    usage.integer_member("prompt_tokens", tokens);
    usage.integer_member("total_tokens", tokens);
    usage.end_object();
    out.push(b'}');
    Ok(())
}
