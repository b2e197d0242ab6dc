//! Models: which there are, what is known of them, and which one a name means.
//!
//! Virtual models stand in the snapshot. Endpoints that expose their own models are asked for their lists; a list has
//! three tiers ([`tiers`]: memory, the sealed cache on disk, the upstream), is asked for once at a time, and is
//! answered with past its time while a new one is on its way. So an endpoint that is dead or slow never blanks a list
//! of models, and slows it at most once.

mod anthropic;
mod capabilities;
mod catalogue;
mod context;
mod count;
mod exposed;
mod fetch;
mod find;
mod glob;
mod listed;
mod lists;
mod moment;
mod ollama;
mod openai;
mod ps;
mod relay;
mod show;
mod show_cache;
mod tiers;

use crate::error::Failure;
use crate::ingress::routes::Route;
use crate::own::json;
use crate::pipeline::{Exchange, Served};
use bytes::Bytes;
use catalogue::{Catalogue, Entry};
use lingate_codec::ir::ApiError;
use lingate_config::Seed;

pub(crate) use lists::Lists;

/// Answers what asks for models, or about one.
pub(crate) async fn serve(exchange: &Exchange<'_>, route: &Route<'_>, body: &Bytes) -> Served {
    match route {
        Route::Models => Ok(json(list(exchange).await?)),
        Route::Model(name) => one(exchange, name).await,
        Route::OllamaTags => Ok(json(ollama::tags(&Catalogue::of(exchange).await?))),
        Route::OllamaShow => show::serve(exchange, body).await,
        Route::OllamaPs => ps::serve(exchange).await,
        Route::CountTokens => count::serve(exchange, body).await,
        Route::OllamaManage => {
            Err(ApiError::new(403, "operation forbidden via proxy").with_code("model_management_off").into())
        }
        _ => Err(ApiError::new(404, "unknown path").with_code("unknown_path").into()),
    }
}

async fn list(exchange: &Exchange<'_>) -> Result<Vec<u8>, Failure> {
    let catalogue = Catalogue::of(exchange).await?;
    Ok(if is_anthropic(exchange) {
        anthropic::list(&catalogue, &anthropic::Paging::of(exchange.parts.uri.query().unwrap_or_default())?)?
    } else {
        openai::list(&catalogue, is_seed001(exchange))
    })
}

/// `/v1/models/{id}`; a name that only `*` serves is not listed, so it is not found here either.
async fn one(exchange: &Exchange<'_>, name: &str) -> Served {
    let model = exchange.find_listed(name).await?;
    let list = match model.targets.first() {
        Some(target) if !exchange.snapshot.models.contains_key(&model.config.name) => {
            exchange.gateway.lists.of_endpoint(&exchange.snapshot, &target.endpoint).await
        }
        _ => None,
    };
    let told = model.targets.first().and_then(|target| list.as_ref()?.listed(&target.model));
    let entry = Entry::of(&model, told);
    Ok(json(if is_anthropic(exchange) { anthropic::one(&entry) } else { openai::one(&entry, is_seed001(exchange)) }))
}

fn is_anthropic(exchange: &Exchange<'_>) -> bool {
    exchange.parts.headers.contains_key("anthropic-version")
}

fn is_seed001(exchange: &Exchange<'_>) -> bool {
    exchange.snapshot.config.seed == Some(Seed::S001)
}
