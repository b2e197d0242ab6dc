//! Model lists.

use crate::body::Body;
use crate::error::Failure;
use crate::ingress::routes::Route;
use crate::pipeline::{Exchange, Served};
use crate::route::{self, Found};
use crate::snapshot::{Lasting, VirtualModel};
use bytes::Bytes;
use lingate_codec::ir::ApiError;
use std::sync::Arc;

/// Lists.
pub struct Lists(#[expect(dead_code, reason = "soon")] Lasting);

impl Lists {
    /// New.
    pub fn new(lasting: Lasting) -> Self {
        Self(lasting)
    }
}

pub(crate) async fn serve(_: &Exchange<'_>, _: &Route<'_>, _: &Bytes) -> Served {
    Ok(http::Response::new(Body::Whole(Bytes::new())))
}

impl Exchange<'_> {
    pub(crate) async fn find_model(&self, name: &str) -> Result<Arc<VirtualModel>, Failure> {
        match route::by_name(&self.snapshot, name) {
            Found::Model(model) => Ok(model),
            Found::Unknown => Err(ApiError::new(404, format!("model `{name}` is not configured")).with_code("model_not_found").into()),
        }
    }
}
