//! HTTP for operators: `/metrics` and `/healthz`, on one plain thread beside the cores. A core does
//! something for it only when somebody asks.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use corelog_shard::{MetricsSnapshot, Outbox, ShardCommand};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{sleep, timeout};

use crate::metrics_page::metrics_page;
use crate::metrics_text::Format;

/// Connections at the same time; more wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 16;
/// A connection serves one request and ends within this time, whoever dawdles.
const CONNECTION_TIME_MAX: Duration = Duration::from_secs(10);
/// A core that has not answered within this time is down.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(2);
/// The head of a request at most.
const HEAD_BYTES_MAX: usize = 16 << 10;
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

const TEXT: &str = "text/plain; charset=utf-8";

type Answer = Response<Full<Bytes>>;

/// The running HTTP server of a broker. Dropping it ends the thread.
#[derive(Debug)]
pub struct HttpServer {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl HttpServer {
    /// Serves on a listening socket. `cores` are asked for their numbers, in the order of the
    /// shards; `core_cpus` are left to them if this process may use any other.
    pub fn start(
        listener: TcpListener,
        cores: Vec<Outbox>,
        core_cpus: &[usize],
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let core_cpus = core_cpus.to_vec();
        let run = move || {
            leave_cpus(&core_cpus);
            runtime.block_on(async {
                let cores = Arc::new(Cores { outboxes: cores, turn: Mutex::new(()) });
                // The end that says stop is dropped with the server.
                let stopped = async { drop(stopped.await) };
                futures_lite::future::or(accept(listener, cores), stopped).await;
            });
        };
        let thread = std::thread::Builder::new().name("http".to_owned()).spawn(run)?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It has no value, and a panic in it was reported by its own hook.
            let _ = thread.join();
        }
    }
}

/// Keeps the current thread off these CPUs if others are left. Without them it shares: the kernel
/// finds it a place.
fn leave_cpus(core_cpus: &[usize]) {
    let Ok(mut allowed) = sched_getaffinity(None) else { return };
    for &cpu in core_cpus.iter().filter(|cpu| **cpu < CpuSet::MAX_CPU) {
        allowed.unset(cpu);
    }
    if allowed.count() > 0
        && let Err(error) = sched_setaffinity(None, &allowed)
    {
        tracing::warn!(%error, "the HTTP server shares the CPUs of the cores");
    }
}

async fn accept(listener: TcpListener, cores: Arc<Cores>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "there are no metrics: the socket is bad"),
    };
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(serve(stream, Arc::clone(&cores), place))),
            Err(error) => {
                tracing::warn!(%error, "an HTTP connection cannot be accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, cores: Arc<Cores>, _place: OwnedSemaphorePermit) {
    let service = service_fn(move |request| {
        let cores = Arc::clone(&cores);
        async move { Ok::<_, Infallible>(cores.answer(&request).await) }
    });
    let mut server = http1::Builder::new();
    let connection = server
        .keep_alive(false)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    match timeout(CONNECTION_TIME_MAX, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "an HTTP connection ends"),
        Err(_) => tracing::debug!("an HTTP connection took too long"),
    }
}

/// The way to every core.
struct Cores {
    outboxes: Vec<Outbox>,
    /// One question at a time, so that a core that does not answer is not asked again and again.
    turn: Mutex<()>,
}

impl Cores {
    async fn answer(&self, request: &Request<Incoming>) -> Answer {
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        match request.uri().path() {
            "/metrics" | "/healthz" if !is_read => {
                let mut answer = answer(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET\n");
                answer.headers_mut().insert(ALLOW, "GET, HEAD".parse().expect("a header value"));
                answer
            }
            "/metrics" => {
                let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok());
                let format = Format::accepted(accept);
                let page = metrics_page(&self.ask().await, format);
                answer(StatusCode::OK, format.content_type(), page)
            }
            "/healthz" => health(&self.ask().await),
            _ => answer(StatusCode::NOT_FOUND, TEXT, "there are /metrics and /healthz\n"),
        }
    }

    /// The numbers of each core, none where it does not answer.
    async fn ask(&self) -> Vec<Option<MetricsSnapshot>> {
        let _turn = self.turn.lock().await;
        let ask = |outbox: &Outbox| {
            let (sender, receiver) = corelog_io::mesh::answer();
            // A full or closed inbox is no answer, too.
            outbox.try_send(ShardCommand::Metrics(sender)).ok().map(|()| receiver)
        };
        let asked: Vec<_> = self.outboxes.iter().map(ask).collect();
        let deadline = tokio::time::Instant::now() + ANSWER_TIME_MAX;
        let mut answers = Vec::with_capacity(asked.len());
        for receiver in asked {
            let answer = match receiver {
                Some(receiver) => tokio::time::timeout_at(deadline, receiver.recv_async()).await,
                None => Ok(Err(corelog_io::mesh::RecvError::Disconnected)),
            };
            answers.push(answer.ok().and_then(Result::ok));
        }
        answers
    }
}

/// Healthy is: every core answers, and takes writes as far as its disk is concerned.
fn health(cores: &[Option<MetricsSnapshot>]) -> Answer {
    let trouble = |(number, core): (usize, &Option<MetricsSnapshot>)| match core {
        None => Some(format!("core {number} does not answer\n")),
        Some(core) if core.journal_failed => {
            Some(format!("core {number} refuses writes since its disk failed\n"))
        }
        Some(_) => None,
    };
    let troubles: String = cores.iter().enumerate().filter_map(trouble).collect();
    if troubles.is_empty() {
        answer(StatusCode::OK, TEXT, "ok\n")
    } else {
        answer(StatusCode::SERVICE_UNAVAILABLE, TEXT, troubles)
    }
}

fn answer(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    Response::builder()
        .status(status)
        .header(CONTENT_TYPE, content_type)
        .header(CACHE_CONTROL, "no-store")
        .body(Full::new(body.into()))
        .expect("a status and constant headers make an answer")
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use corelog_shard::Inbox;

    use super::*;

    /// A core that answers questions for numbers, on a thread of its own.
    fn core(snapshot: MetricsSnapshot) -> (Outbox, JoinHandle<()>) {
        let (outbox, inbox): (Outbox, Inbox) = corelog_io::mesh::channel(4);
        let answer = move || {
            while let Ok(ShardCommand::Metrics(answer)) = inbox.recv() {
                answer.try_send(snapshot.clone()).unwrap();
            }
        };
        (outbox, std::thread::spawn(answer))
    }

    fn start(cores: Vec<Outbox>) -> HttpServer {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        HttpServer::start(listener, cores, &[]).unwrap()
    }

    /// Sends one request; the status line, the head and the body of the answer.
    fn ask(server: &HttpServer, request: &str) -> (String, String, String) {
        let mut stream = std::net::TcpStream::connect(server.address()).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let (status, head) = head.split_once("\r\n").unwrap_or((head, ""));
        (status.to_owned(), head.to_owned(), body.to_owned())
    }

    fn get(server: &HttpServer, path: &str) -> (String, String) {
        let (status, _, body) = ask(server, &format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"));
        (status, body)
    }

    #[test]
    fn a_broker_whose_cores_all_answer_is_healthy() {
        let (outbox, thread) = core(MetricsSnapshot::default());
        let server = start(vec![outbox.clone(), outbox]);
        assert_eq!(get(&server, "/healthz"), ("HTTP/1.1 200 OK".into(), "ok\n".into()));
        let (status, page) = get(&server, "/metrics");
        assert_eq!(status, "HTTP/1.1 200 OK");
        assert!(page.contains("corelog_core_up{core=\"1\"} 1\n"), "{page}");
        drop(server);
        thread.join().unwrap();
    }

    #[test]
    fn each_core_in_trouble_is_named() {
        let failed = MetricsSnapshot { journal_failed: true, ..MetricsSnapshot::default() };
        let ((well, _), (failed, _)) = (core(MetricsSnapshot::default()), core(failed));
        let (gone, inbox): (Outbox, Inbox) = corelog_io::mesh::channel(4);
        drop(inbox);
        let (silent, _inbox): (Outbox, Inbox) = corelog_io::mesh::channel(4);
        let server = start(vec![well, failed, gone, silent]);
        let expected = "core 1 refuses writes since its disk failed\n\
                        core 2 does not answer\ncore 3 does not answer\n";
        let status = "HTTP/1.1 503 Service Unavailable";
        assert_eq!(get(&server, "/healthz"), (status.into(), expected.into()));
        let (_, page) = get(&server, "/metrics");
        assert!(page.contains("corelog_core_up{core=\"3\"} 0\n"), "{page}");
        assert!(page.contains("corelog_journal_failed{core=\"1\"} 1\n"), "{page}");
    }

    #[test]
    fn other_paths_and_methods_are_refused() {
        let server = start(Vec::new());
        let (status, _) = get(&server, "/");
        assert_eq!(status, "HTTP/1.1 404 Not Found");
        let post = "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
        let (status, head, _) = ask(&server, post);
        assert_eq!(status, "HTTP/1.1 405 Method Not Allowed");
        assert!(head.to_lowercase().contains("allow: get, head"), "{head}");
        let (status, ..) = ask(&server, "no request at all\r\n\r\n");
        assert_eq!(status, "HTTP/1.1 400 Bad Request");
        let long =
            format!("GET /metrics HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(2 * HEAD_BYTES_MAX));
        let (status, ..) = ask(&server, &long);
        assert_eq!(status, "HTTP/1.1 431 Request Header Fields Too Large");
    }

    #[test]
    fn the_scraper_chooses_the_format() {
        let server = start(Vec::new());
        let ask = |accept: &str| {
            let request = format!("GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\n\r\n");
            ask(&server, &request)
        };
        let (_, head, body) = ask("application/openmetrics-text; version=1.0.0");
        assert!(head.contains("application/openmetrics-text") && body.ends_with("# EOF\n"));
        let (_, head, body) = ask("text/plain");
        assert!(head.contains("version=0.0.4") && !body.contains("# EOF"));
    }

    #[test]
    fn more_connections_than_places_wait_for_one() {
        let server = start(Vec::new());
        let mut idle: Vec<_> = (0..CONNECTIONS_MAX)
            .map(|_| std::net::TcpStream::connect(server.address()).unwrap())
            .collect();
        let mut late = std::net::TcpStream::connect(server.address()).unwrap();
        late.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        // Whoever leaves makes room.
        drop(idle.pop());
        let mut answer = String::new();
        late.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    }
}
