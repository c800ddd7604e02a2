//! What the load scenarios share: a client that costs little, CPU times of processes, medians.
#![allow(dead_code, reason = "each scenario uses its part")]

use std::time::Duration;

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longest time that clients may take over what they are waited for.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Largest response that a scenario reads.
const MAX_RESPONSE: usize = 64 << 20;

/// One HTTP/1.1 connection that is kept. It knows just enough of HTTP to measure with: the
/// machine's cores are shared with the server, so the client must not cost more than it.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    host: String,
}

impl Connection {
    /// Connects to `http://host:port`.
    pub async fn open(url: &str) -> anyhow::Result<Self> {
        let host = url
            .strip_prefix("http://")
            .context("a plain URL")?
            .trim_end_matches('/')
            .to_owned();
        let stream = TcpStream::connect(&host).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(4096),
            host,
        })
    }

    /// Sends a request and reads the whole answer: the status and the body.
    pub async fn call(
        &mut self,
        method: &str,
        path: &str,
        token: &str,
        body: &str,
    ) -> anyhow::Result<(u16, &[u8])> {
        self.send(method, path, token, body).await?;
        self.receive().await
    }

    /// Sends a request.
    pub async fn send(
        &mut self,
        method: &str,
        path: &str,
        token: &str,
        body: &str,
    ) -> anyhow::Result<()> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.host,
            body.len()
        );
        Ok(self.stream.write_all(request.as_bytes()).await?)
    }

    /// Reads the whole answer to it: the status and the body.
    pub async fn receive(&mut self) -> anyhow::Result<(u16, &[u8])> {
        self.buffer.clear();
        let (head_end, status, length) = loop {
            self.more().await?;
            if let Some(head) = self.head()? {
                break head;
            }
        };
        while self.buffer.len() < head_end + length {
            self.more().await?;
        }
        Ok((status, &self.buffer[head_end..head_end + length]))
    }

    async fn more(&mut self) -> anyhow::Result<()> {
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            bail!("the server closed the connection");
        }
        Ok(())
    }

    fn head(&self) -> anyhow::Result<Option<(usize, u16, usize)>> {
        let Some(end) = self.buffer.windows(4).position(|w| w == b"\r\n\r\n") else {
            return Ok(None);
        };
        let head = std::str::from_utf8(&self.buffer[..end])?;
        let status = head.get(9..12).context("a status")?.parse()?;
        let length = head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .context("a content-length")?;
        let length: usize = length.1.trim().parse()?;
        if length > MAX_RESPONSE {
            bail!("an answer of {length} bytes");
        }
        Ok(Some((end + 4, status, length)))
    }
}

/// CPU time of a process, with that of its children who have ended.
pub fn cpu_of(pid: u32) -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .context("a name")?
        .1
        .split_whitespace()
        .collect();
    let ticks: u64 = fields[11..15]
        .iter()
        .map(|field| field.parse::<u64>().unwrap_or(0))
        .sum();
    Ok(Duration::from_millis(ticks * 10))
}

/// Bytes of memory that a process has in use (resident).
pub fn resident_bytes(pid: u32) -> anyhow::Result<u64> {
    bytes_of(pid, "VmRSS:")
}

/// Most bytes of memory that a process ever had in use.
pub fn peak_bytes(pid: u32) -> anyhow::Result<u64> {
    bytes_of(pid, "VmHWM:")
}

fn bytes_of(pid: u32, what: &str) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(what));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(kibibytes.context("a size")?.trim().parse::<u64>()? * 1024)
}

/// CPU time of a process and all its children.
pub fn cpu_of_tree(root: u32) -> anyhow::Result<Duration> {
    let mut total = cpu_of(root)?;
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
            continue;
        };
        let parent = stat
            .rsplit_once(')')
            .and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse::<u32>().ok());
        if parent == Some(root) {
            total += cpu_of(pid).unwrap_or_default();
        }
    }
    Ok(total)
}

/// The Postgres server that a connection of the pool speaks to.
pub async fn postmaster(pool: &sqlx::PgPool) -> anyhow::Result<u32> {
    let backend: i32 = sqlx::query_scalar("SELECT pg_backend_pid()")
        .fetch_one(pool)
        .await?;
    let stat = std::fs::read_to_string(format!("/proc/{backend}/stat"))?;
    Ok(stat
        .rsplit_once(')')
        .context("a name")?
        .1
        .split_whitespace()
        .nth(1)
        .context("a parent")?
        .parse()?)
}

/// The median and the 99th percentile.
pub fn quantiles(times: &mut [Duration]) -> (Duration, Duration) {
    times.sort_unstable();
    let at = |share: usize| {
        times
            .get(times.len() * share / 100)
            .copied()
            .unwrap_or_default()
    };
    (at(50), at(99))
}

/// Milliseconds with two digits.
pub fn ms(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}
