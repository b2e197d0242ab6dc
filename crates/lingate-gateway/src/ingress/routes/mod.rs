//! From method and path to a route, by one table. A path that is not in the table has no route.
//!
//! Nothing is ever normalised: a path is either a table path byte by byte, or a table path with one hole that a
//! narrow set of characters fills. So `//`, `..`, `\` and encoded forms of them cannot select a route that
//! another reader of the same path would not select.

mod hole;
mod table;

use http::Method;
use lingate_codec::dialect::{DialectId, EmbeddingsId};
use lingate_codec::ir::Operation;
use std::borrow::Cow;
use table::{Mount, Row, TABLE, To};

/// What a method and path lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found<'p> {
    /// A route.
    Route(Route<'p>),
    /// The path is known, the method is not among its own: 405.
    WrongMethod {
        /// The value of the `Allow` header.
        allow: &'static str,
        /// Whose error body is due.
        family: PathFamily,
    },
    /// No such path: 404.
    Unknown {
        /// Whose error body is due.
        family: PathFamily,
    },
}

/// The dialect whose error bodies the clients of a path read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PathFamily {
    /// `{"error":{"message":…}}`; also of lingate's own paths.
    OpenAi,
    /// `{"type":"error","error":{…}}`.
    Anthropic,
    /// `{"error":"…"}`.
    Ollama,
}

/// What is asked of a stored answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResponsePart {
    /// `GET` and `DELETE /v1/responses/{id}`.
    Itself,
    /// `POST …/cancel`.
    Cancel,
    /// `GET …/input_items`.
    InputItems,
}

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route<'p> {
    /// An answer of a model, in a dialect that has a codec of its own.
    Chat(DialectId, Operation),
    /// Vectors of texts: OpenAI's `/v1/embeddings`, Ollama's `/api/embed` and `/api/embeddings`.
    Embeddings(EmbeddingsId),
    /// A stored answer of OpenAI's `/v1/responses`, by its id.
    StoredResponse(Cow<'p, str>, ResponsePart),
    /// The list of models, OpenAI's or (by `anthropic-version`) Anthropic's.
    Models,
    /// One model, by its name, decoded; to be looked up, never to be put into a path.
    Model(Cow<'p, str>),
    /// Anthropic's `/v1/messages/count_tokens`.
    CountTokens,
    /// `HEAD /v1`, by which Anthropic clients see whether anyone is there.
    AnthropicHead,
    /// `/`, "Ollama is running"; `HEAD /` too.
    OllamaRoot,
    /// `/api/version`.
    OllamaVersion,
    /// `/api/tags`.
    OllamaTags,
    /// `/api/show`.
    OllamaShow,
    /// `/api/ps`.
    OllamaPs,
    /// `pull`, `push`, `create`, `copy`, `delete` and `blobs/{digest}`. These paths have no prefixes and no encoded
    /// characters, so the request's own path and method may go upstream as they are.
    OllamaManage,
    /// Alive?
    Health,
    /// Ready?
    Ready,
    /// Prometheus metrics.
    Metrics,
    /// An OpenAI path that is relayed unread: its part below `/v1`, with its leading slash, as it was written.
    PassThrough(&'p str),
    /// Seed 001's `/debug`; only that form of start serves it.
    Debug001,
    /// Seed 001's `POST /reload`; only that form of start serves it.
    Reload001,
}

/// Finds the route of a request.
///
/// `path` is the request's path without query, not decoded. `extra` are further OpenAI paths that are relayed
/// unread (`/v1/ocr`; a trailing `*` stands for any rest of `[A-Za-z0-9._:/@+-]`); every method but `CONNECT`,
/// `OPTIONS` and `TRACE` is theirs. Allocates only for a model name with encoded characters.
pub(crate) fn find<'p>(method: &Method, path: &'p str, extra: &[String]) -> Found<'p> {
    let (mount, rest) = table::mount(path);
    for row in TABLE {
        if row.is_at(mount)
            && let Some(route) = row.route(rest)
        {
            return row.judge(method, route);
        }
    }
    if matches!(mount, Mount::Root | Mount::V1 | Mount::ApiOpenAi) && extra.iter().any(|own| is_extra(own, rest)) {
        return table::EXTRA.judge(method, Route::PassThrough(rest));
    }
    Found::Unknown { family: family(path) }
}

/// Whether a configured path, written with or without `/v1`, is this one.
fn is_extra(own: &str, rest: &str) -> bool {
    let own = match table::mount(own) {
        (Mount::V1 | Mount::ApiOpenAi, below) => below,
        (Mount::Root | Mount::V1V1, _) => own,
    };
    match own.strip_suffix('*') {
        Some(start) => rest.starts_with(start) && rest.strip_prefix('/').is_some_and(hole::is_plain_path),
        None => rest == own,
    }
}

/// Whose error body a path gets that has no route.
fn family(path: &str) -> PathFamily {
    let (mount, rest) = table::mount(path);
    let is_below = |prefix: &str| table::below(rest, prefix).is_some();
    match mount {
        Mount::V1V1 => PathFamily::Anthropic,
        Mount::Root | Mount::V1 if is_below("/messages") => PathFamily::Anthropic,
        Mount::Root if is_below("/api") && !is_below("/api/v1") => PathFamily::Ollama,
        _ => PathFamily::OpenAi,
    }
}

impl Row {
    /// The route, if this row has the path.
    fn route<'p>(&self, rest: &'p str) -> Option<Route<'p>> {
        let Some(hole) = self.hole else {
            return (rest == self.head).then(|| self.to.route(rest, None));
        };
        let filling = rest.strip_prefix(self.head)?.strip_suffix(self.tail)?;
        Some(self.to.route(rest, Some(hole.read(filling)?)))
    }

    /// What a method gets at this row's path.
    fn judge<'p>(&self, method: &Method, route: Route<'p>) -> Found<'p> {
        if self.methods.contain(method) {
            Found::Route(route)
        } else if matches!(route, Route::Debug001 | Route::Reload001) {
            // Outside of seed 001's form these do not exist, so they must not say what they would take.
            Found::Unknown { family: self.family }
        } else {
            Found::WrongMethod { allow: self.methods.allow, family: self.family }
        }
    }
}

impl To {
    fn route<'p>(self, rest: &'p str, filling: Option<Cow<'p, str>>) -> Route<'p> {
        match self {
            Self::Chat(dialect, operation) => Route::Chat(dialect, operation),
            Self::Embeddings(id) => Route::Embeddings(id),
            Self::StoredResponse(part) => Route::StoredResponse(filling.unwrap_or_default(), part),
            Self::Models => Route::Models,
            Self::Model => Route::Model(filling.unwrap_or_default()),
            Self::CountTokens => Route::CountTokens,
            Self::AnthropicHead => Route::AnthropicHead,
            Self::OllamaRoot => Route::OllamaRoot,
            Self::OllamaVersion => Route::OllamaVersion,
            Self::OllamaTags => Route::OllamaTags,
            Self::OllamaShow => Route::OllamaShow,
            Self::OllamaPs => Route::OllamaPs,
            Self::OllamaManage => Route::OllamaManage,
            Self::Health => Route::Health,
            Self::Ready => Route::Ready,
            Self::Metrics => Route::Metrics,
            Self::PassThrough => Route::PassThrough(rest),
            Self::Debug001 => Route::Debug001,
            Self::Reload001 => Route::Reload001,
        }
    }
}

#[cfg(test)]
mod tests;
