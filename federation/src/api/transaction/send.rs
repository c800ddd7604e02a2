use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use crate::Federation;
use crate::error::ApiError;
use crate::origin::Signed;
use crate::parameters::InPath;
use crate::receive::{Full, MAX_EDUS, MAX_PDUS, Processed, Transaction};

/// Largest transaction, in bytes: as many events as it may have, each as large as it may be, and
/// the rest.
pub(crate) const MAX_BYTES: usize = 10 * 1024 * 1024;

/// Longest transaction id, in bytes.
const MAX_ID_BYTES: usize = 512;

/// `PUT /_matrix/federation/v1/send/{txnId}`
pub(crate) async fn send(
    State(federation): State<Federation>,
    InPath(txn_id): InPath<String>,
    request: Signed<Transaction, MAX_BYTES>,
) -> Result<Json<Arc<Processed>>, ApiError> {
    let transaction = request.body;
    if txn_id.len() > MAX_ID_BYTES {
        return Err(ApiError::invalid_param("The transaction's id is too long"));
    }
    if transaction.pdus.len() > MAX_PDUS || transaction.edus.len() > MAX_EDUS {
        let why = format!("A transaction has at most {MAX_PDUS} PDUs and {MAX_EDUS} EDUs");
        return Err(ApiError::bad_json(why));
    }
    let name = request.origin.name();
    let taken = federation.take_transaction(name, &txn_id, transaction);
    taken.await.map(Json).map_err(|Full| ApiError::busy())
}
