//! Answers, both ways: `{"model","embeddings":[[…]],"total_duration",…}` and `{"embedding":[…]}`.

use super::Embed;
use crate::dialect::embeddings::{AnswerError, AnswerHead, EmbeddingsContext, Entry, See};
use crate::dialect::floats;
use crate::ir::{ApiError, EmbeddingsAnswer, VectorForm};
use crate::json::{Kind, Pull, Writer};

/// Walks over an answer.
pub(super) fn read<'a>(dialect: &Embed, body: &'a [u8], see: See<'_, 'a>) -> Result<AnswerHead<'a>, AnswerError> {
    let mut head = AnswerHead::default();
    let mut pull = Pull::new(body);
    pull.object(|pull, name| {
        match (name, pull.kind()) {
            (name, Kind::Array) if name == dialect.output.as_bytes() => {
                head.has_vectors = true;
                if dialect.single {
                    vector(pull, see)?;
                } else {
                    pull.array(|pull| vector(pull, see))?;
                }
            }
            (b"model", Kind::String) => {
                let start = pull.at();
                let value = pull.value()?;
                head.model = value.string().map(|name| (name, start..pull.at()));
            }
            (b"prompt_eval_count", _) => head.input_tokens = pull.value()?.u64(),
            _ => {}
        }
        Ok::<_, AnswerError>(())
    })?;
    pull.end()?;
    Ok(head)
}

/// Ollama answers an empty prompt, which only loads the model, with an empty vector; that is none.
fn vector<'a>(pull: &mut Pull<'a>, see: See<'_, 'a>) -> Result<(), AnswerError> {
    let start = pull.at();
    let value = pull.value()?;
    let empty = value.array().is_some_and(|mut numbers| numbers.next().is_none());
    if empty { Ok(()) } else { see(Entry { index: None, value, span: start..pull.at() }) }
}

/// Appends an answer. Ollama's clients read numbers in whatever form was asked for. Durations are those of the
/// gateway, as in chats.
pub(super) fn encode(
    dialect: &Embed,
    answer: &EmbeddingsAnswer<'_>,
    context: &EmbeddingsContext<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ApiError> {
    let long: usize = answer.vectors.iter().map(|vector| vector.bytes().len()).sum();
    out.reserve(long + 256);
    if dialect.single {
        out.extend_from_slice(br#"{"embedding":"#);
        match answer.vectors.first() {
            Some(vector) => floats::write(*vector, VectorForm::Numbers, out)?,
            None => out.extend_from_slice(b"[]"),
        }
        out.push(b'}');
        return Ok(());
    }
    out.push(b'{');
    Writer::new(out).string_member("model", context.model);
    out.extend_from_slice(br#","embeddings":["#);
    for (index, vector) in answer.vectors.iter().enumerate() {
        out.extend_from_slice(if index > 0 { b"," } else { b"" });
        floats::write(*vector, VectorForm::Numbers, out)?;
    }
    out.extend_from_slice(b"],");
    let mut rest = Writer::new(out);
    rest.integer_member("total_duration", context.at.elapsed_nanos);
    rest.integer_member("load_duration", 0_u64);
    if let Some(tokens) = answer.input_tokens {
        rest.integer_member("prompt_eval_count", tokens);
    }
    out.push(b'}');
    Ok(())
}
