//! Files of this server and of others.

use std::time::Duration;

use axum::extract::FromRef;
use causeway_federation::Federation;
use causeway_media::{Media, MediaError, Opened, Wish};
use ruma::ServerName;

use crate::client::error::ApiError;
use crate::server::state::AppState;

/// Opens files: those of other servers are fetched where there is no copy of them.
#[derive(Clone)]
pub struct Gallery {
    media: Media,
    federation: Option<Federation>,
}

impl FromRef<AppState> for Gallery {
    fn from_ref(state: &AppState) -> Self {
        Self {
            media: state.media.clone(),
            federation: state.federation.clone(),
        }
    }
}

/// Whether other servers may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// They may.
    Everywhere,
    /// What is here must do.
    Here,
}

impl Reach {
    /// As the parameter `allow_remote` says, which is true unless it is given.
    pub fn allowed(allow_remote: Option<bool>) -> Self {
        match allow_remote {
            Some(false) => Self::Here,
            _ => Self::Everywhere,
        }
    }
}

impl Gallery {
    /// A file.
    ///
    /// # Errors
    /// Those of [`Media::get`] and of fetching it.
    pub async fn get(
        &self,
        (origin, id): (&ServerName, &str),
        wait: Duration,
        reach: Reach,
    ) -> Result<Opened, ApiError> {
        match self.media.get(origin, id, wait).await {
            Err(MediaError::NotFound) if self.fetch((origin, id), wait, reach).await? => {
                Ok(self.media.get(origin, id, wait).await?)
            }
            opened => Ok(opened?),
        }
    }

    /// A thumbnail of a file.
    ///
    /// # Errors
    /// Those of [`Media::thumbnail`] and of fetching the file.
    pub async fn thumbnail(
        &self,
        (origin, id): (&ServerName, &str),
        wait: Duration,
        wish: Wish,
        reach: Reach,
    ) -> Result<Opened, ApiError> {
        match self.media.thumbnail((origin, id), wait, wish).await {
            Err(MediaError::NotFound) if self.fetch((origin, id), wait, reach).await? => {
                Ok(self.media.thumbnail((origin, id), wait, wish).await?)
            }
            opened => Ok(opened?),
        }
    }

    /// Fetches another server's file; says no where that cannot or may not be.
    async fn fetch(
        &self,
        (origin, id): (&ServerName, &str),
        wait: Duration,
        reach: Reach,
    ) -> Result<bool, ApiError> {
        let Some(federation) = &self.federation else {
            return Ok(false);
        };
        if reach == Reach::Here || !self.media.is_remote(origin) {
            return Ok(false);
        }
        federation.fetch_media((origin, id), wait).await?;
        Ok(true)
    }
}
