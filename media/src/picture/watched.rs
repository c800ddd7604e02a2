//! A reader with an end in time. Threads cannot be stopped from outside; a decoder that is given
//! nothing more to read stops by itself.

use std::io::{self, Read, Seek, SeekFrom};
use std::time::Instant;

pub(super) struct Watched<R> {
    inner: R,
    until: Instant,
}

#[derive(Debug, thiserror::Error)]
#[error("the time for this picture is over")]
struct TooLate;

pub(super) fn is_too_late(error: &io::Error) -> bool {
    error
        .get_ref()
        .is_some_and(|cause| cause.downcast_ref::<TooLate>().is_some())
}

impl<R> Watched<R> {
    pub(super) fn new(inner: R, until: Instant) -> Self {
        Self { inner, until }
    }
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if Instant::now() >= self.until {
            return Err(io::Error::other(TooLate));
        }
        self.inner.read(buffer)
    }
}

impl<R: Seek> Seek for Watched<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}
